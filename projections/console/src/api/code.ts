// A link that signs in once: its code stands behind the # of the address, which no browser sends to anybody, and is taken
// out of the address before anything else happens.

import { answer, client } from "./client";

/** The code with which this page was opened. */
export const CODE: string | undefined = /^#code=([0-9a-f]{64})$/.exec(location.hash)?.[1];

if (CODE !== undefined) history.replaceState(null, "", location.pathname + location.search);

let asked: Promise<string> | undefined;

/** The token that a code stands for; it is asked for once, since it is good for once. */
export function exchanged(code: string): Promise<string> {
  asked ??= answer(client.POST("/api/sign-in", { body: { code } })).then((said) => said.token);
  return asked;
}
