// The key of this browser, as a person sees it.

import { useSyncExternalStore, useState, useEffect } from "react";
import { useQuery } from "@tanstack/react-query";
import { device, forget, hindrance, introduce, onDevice, type Device } from "../api/device";
import { me } from "../api/queries";
import { useOrg } from "../shell/place";
import { Act } from "./act";
import { Hash } from "./atoms";

let version = 0;
onDevice(() => version++);

/** The device key for the organisation one works in; null while it is looked up. */
export function useDevice(): Device | null | undefined {
  const { data } = useQuery(me());
  const org = useOrg();
  const changes = useSyncExternalStore(onDevice, () => version);
  const [held, setHeld] = useState<Device | null | undefined>(null);
  useEffect(() => {
    if (data === undefined) return;
    let gone = false;
    device(data.ledger, org).then((found) => !gone && setHeld(found), () => !gone && setHeld(undefined));
    return () => {
      gone = true;
    };
  }, [data, org, changes]);
  return held;
}

export function DeviceCard() {
  const { data } = useQuery(me());
  const org = useOrg();
  const held = useDevice();
  if (data === undefined || held === null) return null;
  if (held === undefined) {
    return (
      <div className="flex flex-col items-start gap-1">
        <p className="text-xs text-soft">What you do is signed by the service in your name. With a key of this browser you sign answers to incidents yourself.</p>
        <Act
          label="make a device key" may="manage enrolment tokens" unless={hindrance()} title="A device key for this browser"
          says={<>Makes a key that this browser holds and nobody can read out, and introduces it to <b>{org}</b>. What you say of incidents is signed with it from then on.</>}
          command={`ledger keys introduce --org ${org} --out FILE`}
          run={async () => {
            const { device: made, seq } = await introduce(data.ledger, org);
            return { seq, says: <p>This browser signs as <Hash value={made.author} chars={41} /></p> };
          }}
        />
      </div>
    );
  }
  return (
    <div className="flex flex-col items-start gap-1 text-xs text-soft">
      <p>● This browser signs answers to incidents of {held.org} itself, {held.place.seq} so far.</p>
      <p>as <Hash value={held.author} chars={18} /> key <Hash value={held.key} /></p>
      <button type="button" className="text-accent underline decoration-dotted underline-offset-2 hover:decoration-solid" onClick={() => void forget(held.ledger, held.org)} title="What it signed stays signed; the ledger has the key until it is revoked under Keys.">forget it here</button>
    </div>
  );
}
