#!/usr/bin/env bash
# jose 6.2.18 (npm) and PyJWT 2.15.1 (PyPI): RFC 9864 gives "EdDSA" over Ed25519 a name of its own, "Ed25519", and the
# two are strangers. jose signs under either name with one key and takes each only where that very name is allowed; PyJWT
# knows the old name alone, so a token that jose signed as "Ed25519" cannot be verified by it, whatever the list of
# algorithms says. Who verifies tokens of providers has to list both names, and cannot by PyJWT.
#
# Seen:
#   jose: signed EdDSA, allowed EdDSA: taken
#   jose: signed EdDSA, allowed Ed25519: ERR_JOSE_ALG_NOT_ALLOWED
#   jose: signed Ed25519, allowed EdDSA: ERR_JOSE_ALG_NOT_ALLOWED
#   jose: signed Ed25519, allowed Ed25519: taken
#   PyJWT: signed EdDSA: taken
#   PyJWT: signed Ed25519: InvalidAlgorithmError Algorithm not supported
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd "$work"
npm install --silent --no-save --prefix "$work" jose@6.2.18
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'pyjwt[crypto]==2.15.1'
cat >names.mjs <<'JS'
import { writeFileSync } from "node:fs";
import { SignJWT, exportSPKI, generateKeyPair, jwtVerify } from "jose";

for (const signed of ["EdDSA", "Ed25519"]) {
  const { publicKey, privateKey } = await generateKeyPair(signed, { extractable: true });
  const token = await new SignJWT({ sub: "node" }).setProtectedHeader({ alg: signed }).sign(privateKey);
  writeFileSync(`${signed}.jwt`, token);
  writeFileSync(`${signed}.pem`, await exportSPKI(publicKey));
  for (const allowed of ["EdDSA", "Ed25519"]) {
    const said = await jwtVerify(token, publicKey, { algorithms: [allowed] }).then(() => "taken", (error) => error.code);
    console.log(`jose: signed ${signed}, allowed ${allowed}: ${said}`);
  }
}
JS
cat >names.py <<'PY'
import jwt

for name in ("EdDSA", "Ed25519"):
    token, key = open(f"{name}.jwt").read(), open(f"{name}.pem").read()
    try:
        jwt.decode(token, key, algorithms=["EdDSA", "Ed25519"])
        said = "taken"
    except jwt.PyJWTError as error:
        said = f"{type(error).__name__} {error}"
    print(f"PyJWT: signed {name}: {said}")
PY
{ node names.mjs && venv/bin/python names.py; } | tee seen
diff seen - <<'SEEN'
jose: signed EdDSA, allowed EdDSA: taken
jose: signed EdDSA, allowed Ed25519: ERR_JOSE_ALG_NOT_ALLOWED
jose: signed Ed25519, allowed EdDSA: ERR_JOSE_ALG_NOT_ALLOWED
jose: signed Ed25519, allowed Ed25519: taken
PyJWT: signed EdDSA: taken
PyJWT: signed Ed25519: InvalidAlgorithmError Algorithm not supported
SEEN
echo "as found"
