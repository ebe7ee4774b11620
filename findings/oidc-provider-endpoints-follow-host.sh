#!/usr/bin/env bash
# oidc-provider 9.13.3 (npm): of its discovery document only the issuer is what it was configured with. Every endpoint and
# jwks_uri is put together from the Host header of the request for the document, with the scheme of the connection: asked
# behind a proxy by another name, or over plain HTTP beside the proxy, it sends its client to addresses that are not below
# the issuer. X-Forwarded-Proto changes nothing unless `proxy` is set. A client that reads the document by one name keeps
# using that name; tests that reach the provider at a loopback port see endpoints there, whatever the issuer says.
#
# Seen:
#   host other.example.net: issuer https://id.example.org, token http://other.example.net/token
#   host id.example.org, forwarded https: issuer https://id.example.org, token http://id.example.org/token
#   with proxy, forwarded https: issuer https://id.example.org, token https://id.example.org/token
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work"
npm install --silent --no-save --prefix "$work" oidc-provider@9.13.3
cat >host.mjs <<'JS'
import { createServer, get } from "node:http";
import { Provider } from "oidc-provider";

async function discovery(proxy, headers) {
  const provider = new Provider("https://id.example.org", { clients: [] });
  provider.proxy = proxy;
  const server = createServer(provider.callback());
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const path = "/.well-known/openid-configuration";
  const text = await new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path, headers }, async (answer) => {
      let body = "";
      for await (const piece of answer) body += piece;
      resolve(body);
    });
  });
  server.close();
  const { issuer, token_endpoint: token } = JSON.parse(text);
  return `issuer ${issuer}, token ${token}`;
}

const forwarded = { host: "id.example.org", "x-forwarded-proto": "https" };
console.log(`host other.example.net: ${await discovery(false, { host: "other.example.net" })}`);
console.log(`host id.example.org, forwarded https: ${await discovery(false, forwarded)}`);
console.log(`with proxy, forwarded https: ${await discovery(true, forwarded)}`);
JS
node host.mjs 2>/dev/null | tee seen
diff seen - <<'SEEN'
host other.example.net: issuer https://id.example.org, token http://other.example.net/token
host id.example.org, forwarded https: issuer https://id.example.org, token http://id.example.org/token
with proxy, forwarded https: issuer https://id.example.org, token https://id.example.org/token
SEEN
echo "as found"
