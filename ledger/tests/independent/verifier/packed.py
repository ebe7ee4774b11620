"""Packed segments (`spec/pack.md`): the plain lines from a Parquet file, by `pyarrow` and what the text says.

Everything is read as columns of Python values; nothing here knows how this project writes the files.
"""

import base64
import datetime
import io
import json
import uuid

from . import canonical, crypto, proof

FORMAT = "vaultmesh-packed-segment-v1"
ZERO = bytes(32)

# Kinds whose payloads are columns: the newest version, whether a member may be the word "unknown", and the members.
HEARTBEAT = """agent_rss_bytes agent_version boot_id clock_offset_ms cloudflare_ok disk_available_bytes disk_total_bytes
    hostname interval_secs kernel_version load15_milli load1_milli load5_milli memory_available_bytes
    memory_total_bytes node_id os_profile policy_hash pressure_cpu_milli pressure_io_milli pressure_memory_milli
    services_ok spool_depth spool_dropped swap_used_bytes timestamp uptime_secs vaultmesh_root"""
TYPED = {
    "heartbeat": (2, True, HEARTBEAT.split()),
    "service": (1, False, ["action", "version"]),
    "usage": (1, False, ["metric", "product", "quantity"]),
}


class Damaged(Exception):
    """The file is not what was written, or not a packed segment."""


def time(millis):
    seconds, rest = divmod(millis, 1000)
    days, seconds = divmod(seconds, 86400)
    # A date ends where the format does, with the year 9999.
    date = datetime.date.fromordinal(719163 + days)
    return f"{date.isoformat()}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}Z"


def check_parts(data, starts):
    """Every part of the file has its checksum."""
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    sums = footer - 32 * (len(starts) + 1)
    bounds = [0, *starts[1:], sums]
    parts = [data[a:b] for a, b in zip(bounds, bounds[1:])] + [data[footer:]]
    for i, part in enumerate(parts):
        if crypto.tagged(0x29, part) != data[sums + 32 * i : sums + 32 * (i + 1)]:
            raise Damaged(f"part {i}")


def columns(data):
    """The metadata, and the rows of each row group as dictionaries of what is there."""
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(io.BytesIO(data))
    except (pyarrow.ArrowException, OSError) as error:
        raise Damaged(str(error)) from error
    meta, groups = file.metadata, []
    first = [meta.row_group(i).column(0) for i in range(meta.num_row_groups)]
    check_parts(data, [c.dictionary_page_offset or c.data_page_offset for c in first])
    for i in range(meta.num_row_groups):
        table = file.read_row_group(i)
        table = pyarrow.table(
            {f.name: table[f.name].cast(pyarrow.int64()) if pyarrow.types.is_timestamp(f.type) else table[f.name] for f in table.schema}
        )
        groups.append([{k: v for k, v in row.items() if v is not None} for row in table.to_pylist()])
    return json.loads(meta.metadata[b"vaultmesh"]), groups


def as_uuid(value):
    return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=bytes(value)))


def payload(row, subject):
    if "payload" in row:
        return row["payload"]
    _, _, names = TYPED[row["kind"]]
    prefix, said = row["kind"].replace("-", "_") + "_", {}
    unknown = row.get(prefix + "unknown", 0)
    for i, name in enumerate(names):
        value = row.get(prefix + name)
        if unknown >> i & 1:
            value = "unknown"
        elif name == "node_id":
            value = subject if value is None else as_uuid(value)
        elif name == "timestamp" and value is None:
            value = time(row["ts"])
        elif isinstance(value, bytes):
            value = value.hex()
        if value is not None:
            said[name] = value
    return canonical.write(said)


def event(row, chains):
    """The signed header as it stands in the entry, and the payload's text."""
    said = {"author": row["author"], "format": "vm-event-envelope-v1", "id": as_uuid(row["id"]), "key": row["key"].hex()}
    said |= {"kind": row["kind"], "ledger": row["ledger"].hex(), "org": row["org"], "ts": time(row["ts"])}
    said["schema"] = {"envelope": 1, "payload": row["payload_version"]}
    said |= {name: row[name] for name in ("severity", "tenant") if name in row}
    if "node_id" in row:
        said["node_id"] = as_uuid(row["node_id"])
    if "via_method" in row:
        said["via"] = {"method": row["via_method"]} | ({"subject": row["via_subject"]} if "via_subject" in row else {})
    if "chain_epoch" in row:
        seq, before = row["chain_seq"], chains.get((row["key"], row["chain_epoch"]))
        prev = row.get("chain_prev") or (before[1] if before and before[0] + 1 == seq else None)
        said["chain"] = {"epoch": row["chain_epoch"].hex(), "prev": prev.hex(), "seq": seq}
    subject = said.get("node_id") or (row["author"][5:] if row["author"].startswith("node:") else None)
    text = payload(row, subject) if "salt" in row else None
    hashed = row.get("payload_hash") or crypto.tagged(0x02, row["salt"], text.encode())
    said["payload_hash"] = hashed.hex()
    if "chain_epoch" in row:
        chains[row["key"], row["chain_epoch"]] = (seq, crypto.tagged(0x03, canonical.j(said), row["sig"]))
    return said | {"sig": base64.b64encode(row["sig"]).decode()}, text


def plain(data):
    """The bytes of the plain segment."""
    about, groups = columns(data)
    if about["format"] != FORMAT:
        raise Damaged(about["format"])
    entries = {}
    for rows in groups:
        chains = {}
        for row in rows:
            entries[row["seq"]] = (row, None, None) if "line" in row else (row, *event(row, chains))
    tree, seq, prev, lanes, out, group = None, about["first"], None, {}, bytearray(), 0
    if "edge" in about:
        tree = proof.Tree()
        tree.size, tree.edge = seq, [bytes.fromhex(root) for root in about["edge"]]
    while seq in entries:
        row, said, text = entries[seq]
        if said is None:
            out += row["line"].encode()
            prev, lanes, tree = None, {}, None
        else:
            n, lane_prev = lanes.get(row["org"], (None, None))
            n, lane_prev = row.get("lane_n", n), row.get("lane_prev", lane_prev)
            place = {"lane": {"n": n, "prev": lane_prev.hex()}, "prev": (row.get("prev") or prev).hex()}
            entry = canonical.j({"event": said, "recorded_at": time(row["recorded_at"]), "seq": seq} | place)
            rest = "" if text is None else f',"payload":{text},"salt":"{row["salt"].hex()}"'
            out += b'{"entry":' + entry + rest.encode() + b"}"
            prev = proof.leaf(entry)
            lanes[row["org"]] = (n + 1, prev)
            if tree:
                tree.push(prev)
        out += b"\n"
        seq += 1
        if row["group_end"]:
            records = bytes(out[group:])
            said = {"bytes": len(records), "hash": crypto.tagged(0x04, records).hex(), "size": seq}
            root = row.get("commit_root") or tree.root()
            out += canonical.j({"commit": said | {"root": root.hex()}}) + b"\n"
            group = len(out)
    result = bytes(out)
    if len(result) != about["bytes"] or crypto.tagged(0x28, result).hex() != about["hash"]:
        raise Damaged("hash")
    return result
