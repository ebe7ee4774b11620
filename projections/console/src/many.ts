// The same act for many things, a few at a time.

export interface Outcome<T> {
  done: T[];
  failed: { one: T; problem: string }[];
}

/** So many requests of one act are on their way at once: the service takes 1,000 a second of a token. */
const AT_ONCE = 6;

export async function inTurn<T>(all: readonly T[], act: (one: T) => Promise<unknown>, progress: (done: number) => void = () => undefined): Promise<Outcome<T>> {
  const outcome: Outcome<T> = { done: [], failed: [] };
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < all.length) {
      const one = all[next++] as T;
      await act(one).then(() => outcome.done.push(one), (error: unknown) => outcome.failed.push({ one, problem: (error as Error).message }));
      progress(outcome.done.length + outcome.failed.length);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return outcome;
}
