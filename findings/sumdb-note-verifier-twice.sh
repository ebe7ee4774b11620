#!/usr/bin/env bash
# golang.org/x/mod v0.43.0, package sumdb/note: a list of verifiers that names one key twice opens no note signed by
# that key at all. VerifierList makes such a list without complaint; the error comes from Open, and it is not the
# UnverifiedNoteError that a caller expects of a bad signature. Whoever joins lists of trusted keys from two sources has
# to take out what stands in both first.
#
# Seen:
#   once: 1 signature, <nil>
#   twice: ambiguous key log.example.org+<8 hex>
set -euo pipefail
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf -- "$work"' EXIT
cd "$work"
cat >go.mod <<'MOD'
module example.org/finding

go 1.25

require golang.org/x/mod v0.43.0
MOD
cat >main.go <<'GO'
package main

import (
    "crypto/rand"
    "fmt"
    "log"

    "golang.org/x/mod/sumdb/note"
)

func main() {
    private, public, err := note.GenerateKey(rand.Reader, "log.example.org")
    must(err)
    signer, err := note.NewSigner(private)
    must(err)
    verifier, err := note.NewVerifier(public)
    must(err)
    signed, err := note.Sign(&note.Note{Text: "a text\n"}, signer)
    must(err)
    opened, err := note.Open(signed, note.VerifierList(verifier))
    must(err)
    fmt.Printf("once: %d signature, %v\n", len(opened.Sigs), err)
    _, err = note.Open(signed, note.VerifierList(verifier, verifier))
    fmt.Printf("twice: %v\n", err)
}

func must(err error) {
    if err != nil {
        log.Fatal(err)
    }
}
GO
GOFLAGS=-mod=mod go run . | tee seen
grep -qx 'once: 1 signature, <nil>' seen
grep -qE '^twice: ambiguous key log\.example\.org\+[0-9a-f]{8}$' seen
echo "as found"
