#!/usr/bin/env bash
# github.com/transparency-dev/formats v0.1.1, note.NewVerifierForCosignatureV1: given the verifier key of a log (type
# 0x01, plain Ed25519) it does not refuse it as the wrong type, but makes a cosignature verifier (type 0x04) of the same
# key bytes. The key ID is a hash over the type too (C2SP signed-note, "Signatures"), so the verifier answers to another
# ID than the one in the text it was made from: a policy file that names a witness by a 0x01 key works, and whoever looks
# for the ID written there among the signature lines finds none. golang.org/x/mod v0.43.0 in turn refuses a text of
# type 0x04 ("unknown verifier algorithm"), so neither package reads what the other one needs.
#
# Seen:
#   cosignature verifier of a log key: <nil>, same id: false
#   the same as a 0x04 text in sumdb/note: unknown verifier algorithm
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf -- "$work"' EXIT
cd "$work"
cat >go.mod <<'MOD'
module example.org/finding

go 1.26

require (
    github.com/transparency-dev/formats v0.1.1
    golang.org/x/mod v0.43.0
)
MOD
cat >main.go <<'GO'
package main

import (
    "crypto/rand"
    "fmt"
    "log"
    "strings"

    cosignature "github.com/transparency-dev/formats/note"
    "golang.org/x/mod/sumdb/note"
)

func main() {
    _, public, err := note.GenerateKey(rand.Reader, "log.example.org")
    if err != nil {
        log.Fatal(err)
    }
    verifier, err := cosignature.NewVerifierForCosignatureV1(public)
    if err != nil {
        log.Fatal(err)
    }
    id := strings.Split(public, "+")[1]
    same := fmt.Sprintf("%08x", verifier.KeyHash()) == id
    fmt.Printf("cosignature verifier of a log key: %v, same id: %v\n", err, same)
    text, err := cosignature.VKeyToCosignatureV1(public)
    if err != nil {
        log.Fatal(err)
    }
    _, err = note.NewVerifier(text)
    fmt.Printf("the same as a 0x04 text in sumdb/note: %v\n", err)
}
GO
GOFLAGS=-mod=mod go run . | tee seen
grep -qx 'cosignature verifier of a log key: <nil>, same id: false' seen
grep -qx 'the same as a 0x04 text in sumdb/note: unknown verifier algorithm' seen
echo "as found"
