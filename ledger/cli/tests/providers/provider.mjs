// oidc-provider as a provider of sign-in: fresh keys and an empty memory each time, groups in userinfo only.
//
//     node provider.mjs PORT REDIRECT_URI LOGOUT_URI
//
// Writes a line of JSON for each grant, and one when it listens.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirect, logout] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const provider = new Provider(issuer, {
  claims: { email: ["email", "email_verified"], groups: ["groups"], openid: ["sub"], profile: ["name"] },
  clients: [
    {
      backchannel_logout_session_required: true,
      backchannel_logout_uri: logout,
      client_id: "console",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [redirect],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
  ],
  cookies: { keys: ["of a test"] },
  features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
  // Its own refuses addresses of this machine.
  fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ email: `${id}@example.org`, email_verified: "true", groups: ["acme-admins"], name: id, sub: id }),
  }),
  jwks: { keys: [{ ...key, alg: "RS256", kid: `key-${Date.now()}`, use: "sig" }] },
  scopes: ["openid", "profile", "email", "groups", "offline_access"],
  // Renewed a second after it was given.
  ttl: { IdToken: 31 },
});
provider.on("grant.success", (context) => say({ grant: context.oidc.params.grant_type }));
provider.on("backchannel.error", (_, error) => say({ error: String(error.stack) }));
provider.on("server_error", (_, error) => say({ error: String(error.stack) }));
createServer(provider.callback()).listen(Number(port), "127.0.0.1", () => say({ issuer }));
