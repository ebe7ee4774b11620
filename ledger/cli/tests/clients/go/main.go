// A call with the generated client: the node that has spoken, and what its heartbeat says of memory.
package main

import (
    "context"
    "fmt"
    "net/http"
    "os"

    "vaultmesh.local/call/vaultmesh"
)

func call(url, token, node string) error {
    bearer := func(_ context.Context, request *http.Request) error {
        request.Header.Set("Authorization", "Bearer "+token)
        return nil
    }
    client, err := vaultmesh.NewClientWithResponses(url, vaultmesh.WithRequestEditorFn(bearer))
    if err != nil {
        return err
    }
    answer, err := client.ListNodesWithResponse(context.Background(), &vaultmesh.ListNodesParams{})
    if err != nil {
        return err
    }
    if answer.JSON200 == nil || len(answer.JSON200.Items) != 1 || answer.JSON200.Items[0].NodeId != node {
        return fmt.Errorf("not the one node %s: %s", node, answer.Body)
    }
    memory, err := answer.JSON200.Items[0].Heartbeat.MemoryTotalBytes.AsHeartbeatMemoryTotalBytes0()
    if err != nil || memory <= 0 {
        return fmt.Errorf("no memory in %s", answer.Body)
    }
    return nil
}

func main() {
    if err := call(os.Args[1], os.Args[2], os.Args[3]); err != nil {
        fmt.Fprintln(os.Stderr, err)
        os.Exit(1)
    }
}
