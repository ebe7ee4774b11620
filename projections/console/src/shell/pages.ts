// The pages there are, in the groups of the rail, each with the letter that follows `g`.

export const GROUPS = [
  ["Fleet", [["/", "Mission", "m"], ["/dashboard", "Dashboard", "d"], ["/nodes", "Nodes", "n"], ["/incidents", "Incidents", "i"], ["/findings", "Scans & drift", "f"]]],
  ["Act", [["/commands", "Commands", "c"], ["/rollouts", "Roll-outs", "r"], ["/schedules", "Schedules", "s"], ["/policies", "Policies", "p"], ["/enrol", "Enrolment", "e"]]],
  ["Prove", [["/ledger", "Ledger", "l"], ["/audit", "Audit", "a"], ["/verify", "Verify", "v"]]],
  ["Run", [["/keys", "Keys", "k"], ["/members", "Members", "w"], ["/slos", "SLOs", "o"], ["/usage", "Usage", "u"], ["/tasks", "Tasks & health", "t"], ["/orgs", "Organisations", "z"], ["/settings", "Settings", "x"]]],
] as const;

type Listed = (typeof GROUPS)[number][1][number];

export const PAGES: readonly Listed[] = GROUPS.flatMap(([, pages]) => pages as readonly Listed[]);
