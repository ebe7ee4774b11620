"""A call with the generated client: the node that has spoken, and what its heartbeat says of memory."""

import sys

from vaultmesh_client import AuthenticatedClient
from vaultmesh_client.api.nodes import list_nodes

url, token, node = sys.argv[1:]
page = list_nodes.sync(client=AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True))
[found] = page.items
assert found.node_id == node, found
assert found.heartbeat.memory_total_bytes > 0 and found.heartbeat.hostname, found.heartbeat
