// The service over HTTP. Types come from its own description, so a renamed member does not compile.

import createClient, { type Middleware } from "openapi-fetch";
import { SERVICE } from "../base";
import type { components, paths } from "../generated/schema";
import { heard } from "./clock";
import { credentials, expire } from "./session";

type Schemas = components["schemas"];
export type Row<Name extends keyof Schemas> = Schemas[Name];

/** A refusal by the service (RFC 9457), or what the network says. */
export class Refused extends Error {
  override readonly name = "Refused";
  constructor(readonly status: number, readonly code: string, message: string, readonly field?: string) {
    super(message);
  }
}

const authorise: Middleware = {
  onRequest({ request }) {
    // Whoever names a token means it.
    if (!request.headers.has("Authorization")) for (const [name, value] of Object.entries(credentials())) request.headers.set(name, value);
    return request;
  },
  onResponse({ response }) {
    heard(response.headers.get("date"));
  },
};

/** How long an answer may take. */
const PATIENCE_MS = 30_000;

export const client = createClient<paths>({
  baseUrl: SERVICE,
  fetch: (request) => fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(PATIENCE_MS)]) }),
});
client.use(authorise);

/** The answer to a call, or a refusal thrown. Whoever is no longer known is signed out. */
export async function answer<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call.catch(() => {
    throw new Refused(0, "unreachable", "The service does not answer.");
  });
  if (response.ok && (data !== undefined || response.status === 204)) return data as T;
  throw await refusal(response, error);
}

/** The answer to a call whose body is no JSON. */
export async function fetchBytes(path: string): Promise<Uint8Array> {
  const response = await fetch(`${SERVICE}${path}`, { headers: credentials() }).catch(() => {
    throw new Refused(0, "unreachable", "The service does not answer.");
  });
  if (!response.ok) throw await refusal(response, await response.json().catch(() => undefined));
  return new Uint8Array(await response.arrayBuffer());
}

async function refusal(response: Response, body: unknown): Promise<Refused> {
  const problem = (body ?? {}) as Partial<Row<"Problem">>;
  // Other refusals of this status are about what was signed, and not about who asks.
  if (problem.code === "unauthenticated") expire();
  return new Refused(response.status, problem.code ?? "failed", problem.detail ?? problem.title ?? `The service answers ${response.status}.`, problem.field ?? problem.pointer);
}
