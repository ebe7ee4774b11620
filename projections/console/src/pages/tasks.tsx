// How the service fares: what it does by itself, its witnesses, and how fast it answers here.

import { useQuery } from "@tanstack/react-query";
import { queryOptions } from "@tanstack/react-query";
import { ahead } from "../api/clock";
import { SERVICE } from "../base";
import { ledger, tasks, witnesses } from "../api/queries";
import { Ago, Empty, Hash, Mark, Panel, Waiting } from "../ui/atoms";
import { counted, Facts, Page } from "../ui/page";

/** What the service says of itself without being told who asks, and how long that took. */
const ready = () =>
  queryOptions({
    queryKey: ["ready"],
    queryFn: async () => {
      const began = performance.now();
      const response = await fetch(`${SERVICE}/readyz`);
      return { ok: response.ok, words: (await response.text()).trim(), millis: Math.round(performance.now() - began) };
    },
    refetchInterval: 5_000,
  });

export function Tasks() {
  const { data, error, refetch } = useQuery(tasks());
  const { data: health } = useQuery(ready());
  const { data: about } = useQuery(ledger());
  return (
    <Page title="Tasks & health">
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        <Panel title="The service">
          <Facts of={[
            ["Ready", health === undefined ? "…" : <Mark key="ready" tone={health.ok ? "ok" : "crit"}>{health.ok ? "takes events" : health.words}</Mark>],
            ["Answers in", health === undefined ? "…" : `${health.millis} ms, seen from here`],
            ["Entries", about?.size.toLocaleString("en")],
            ["Ledger", about === undefined ? undefined : <Hash key="ledger" value={about.ledger} chars={24} />],
            ["Origin", about?.origin],
            ["Clock", ahead() === 0 ? "agrees with this machine's" : `this machine's is ${Math.round(ahead() / 1000)} s ahead`],
          ]} />
        </Panel>
        <Witnesses />
      </div>
      <Panel title="Tasks" aside={data === undefined ? "" : counted(data.length, "task")} bare>
        {data === undefined && <Waiting error={error} again={() => void refetch()} />}
        {data !== undefined && (
          <div className="overflow-x-auto" tabIndex={0}>
            <table className="w-full min-w-[44rem] text-sm">
              <thead className="text-left text-xs text-soft"><tr>{["Task", "What it does", "Stands", "Last run", "Restarts", "Last error"].map((name) => <th key={name} className="px-3 py-1.5 font-normal">{name}</th>)}</tr></thead>
              <tbody>
                {data.map((task) => (
                  <tr key={task.name} className="border-t border-line/50 align-baseline">
                    <td className="px-3 py-1 font-medium whitespace-nowrap">{task.name}</td>
                    <td className="px-3 py-1 text-soft">{task.purpose}</td>
                    <td className="px-3 py-1 whitespace-nowrap"><Mark tone={task.failing ? "crit" : task.failures > 0 ? "attn" : "ok"}>{task.failing ? `failing, ${task.failures} in a row` : task.failures > 0 ? `failed ${task.failures} times` : "well"}</Mark>{task.next_start !== undefined && <span className="text-xs text-faint">, again <Ago time={task.next_start} /></span>}</td>
                    <td className="px-3 py-1 whitespace-nowrap">{task.last_run === undefined ? "never" : <Ago time={task.last_run} />}</td>
                    <td className="px-3 py-1">{task.restarts}</td>
                    <td className="px-3 py-1 text-xs text-crit">{task.last_error !== undefined && <><Ago time={task.last_error.at} />: {task.last_error.error}</>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
    </Page>
  );
}

export function Witnesses() {
  const { data, error } = useQuery(witnesses());
  return (
    <Panel title="Witnesses" aside={data === undefined || data.witnesses.length === 0 ? "" : `${data.quorum} of ${data.witnesses.length} must cosign`}>
      {data === undefined && <Waiting error={error} />}
      {data?.witnesses.length === 0 && <Empty command="ledger witness --help">Nobody witnesses this ledger: its checkpoints bear its own signature alone.</Empty>}
      {data !== undefined && data.witnesses.length > 0 && (
        <>
          <Facts of={[["Cosigned", data.cosigned === null ? "nothing yet" : `${counted(data.cosigned, "entry", "entries")} of ${data.size}`], ["Offered", data.offered === null ? undefined : String(data.offered)]]} />
          <ul className="mt-2 space-y-1 text-sm">
            {data.witnesses.map((one) => {
              const behind = one.signed_size === undefined ? undefined : (data.offered ?? data.size) - one.signed_size;
              return <li key={one.name} className="flex flex-wrap items-baseline gap-2"><Mark tone={behind === undefined ? "crit" : behind > 0 ? "attn" : "ok"}>{one.name}</Mark><span className="text-xs text-soft">{one.outside ? "outside the operator's control" : "of the operator"}; {one.signed_at === undefined ? "has signed nothing" : <>signed {one.signed_size} entries, <Ago time={one.signed_at} /></>}</span></li>;
            })}
          </ul>
        </>
      )}
    </Panel>
  );
}
