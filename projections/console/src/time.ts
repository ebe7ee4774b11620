// Times and amounts in words.

const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]] as const;

/** "12 s ago", "in 3 h"; what is less than a second away is now. */
export function relative(time: string, now: number): string {
  const span = now - Date.parse(time);
  const text = duration(Math.abs(span));
  if (text === undefined) return "now";
  return span > 0 ? `${text} ago` : `in ${text}`;
}

/** The largest unit that fits; undefined below a second. */
export function duration(millis: number): string | undefined {
  const unit = UNITS.find(([, size]) => millis >= size);
  return unit === undefined ? undefined : `${Math.floor(millis / unit[1])} ${unit[0]}`;
}

/** "2026-11-30 20:08:21 UTC", or the same by the clock of this machine. */
export function absolute(time: string | number, utc: boolean): string {
  const date = new Date(time);
  if (utc) return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
  // As the other, in the order in which times are sorted, and not as each country writes it.
  return new Date(date.getTime() - 60_000 * date.getTimezoneOffset()).toISOString().slice(0, 19).replace("T", " ");
}

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

export function bytes(amount: number): string {
  let [n, size] = [amount, 0];
  while (n >= 1024 && size < SIZES.length - 1) [n, size] = [n / 1024, size + 1];
  return `${size === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${SIZES[size]}`;
}
