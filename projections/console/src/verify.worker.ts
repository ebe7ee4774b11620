// Files are checked beside the page, which stays quick however long that takes, and says how far it has come.

import { readLog, refused, verify, type Files, type LogReport, type Verdict } from "vaultmesh-verify";

export type Job = { ledger: string | undefined } & ({ folder: string; files: readonly (readonly [path: string, file: File])[] } | { file: File });
export type Outcome = { name: string } & ({ verdict: Verdict } | { report: LogReport } | { problem: string; unreadable?: boolean });
export type Said = { read: number; of: number } | { outcome: Outcome };

const say = (said: Said): void => postMessage(said);
/** What belongs to an export, by its names within it. */
const OWN = /^(log\/|proofchain\/|[^/]+\.(json|txt)$)/;

self.onmessage = ({ data }: MessageEvent<Job>) => void work(data);

async function work(job: Job): Promise<void> {
  const name = "folder" in job ? job.folder : job.file.name;
  try {
    if ("folder" in job) return say({ outcome: { name, report: readLog(await folder(job.files), job.ledger) } });
    const bytes = new Uint8Array(await job.file.arrayBuffer());
    say({ outcome: { name, verdict: verify(bytes, job.ledger) } });
  } catch (error) {
    const problem = refused(error);
    say({ outcome: problem === undefined ? { name, problem: (error as Error).message, unreadable: true } : { name, problem } });
  }
}

/** The files of a chosen folder, by their names within it. */
async function folder(list: readonly (readonly [path: string, file: File])[]): Promise<Files> {
  const wanted = list.filter(([path]) => OWN.test(path));
  const of = wanted.reduce((sum, [, file]) => sum + file.size, 0);
  const held = new Map<string, Uint8Array>();
  let read = 0;
  for (const [path, file] of wanted) {
    held.set(path, new Uint8Array(await file.arrayBuffer()));
    read += file.size;
    say({ read, of });
  }
  return { names: () => [...held.keys()], read: (path) => held.get(path) };
}
