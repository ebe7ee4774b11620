// An inclusion proof as a picture: the leaf at the bottom, at each step the hash it is joined with, the root on top.

import { fromHex, NATIVE, toHex } from "vaultmesh-verify";

export interface Step {
  /** Which side the sibling stands on. */
  side: "left" | "right";
  sibling: string;
  hash: string;
}

const join = (left: string, right: string): string => {
  const bytes = new Uint8Array([1, ...(fromHex(left) ?? []), ...(fromHex(right) ?? [])]);
  return toHex(NATIVE(bytes));
};

/** The steps of RFC 9162, section 2.1.3.2, from the leaf's hash to the root. */
export function steps(index: number, size: number, leaf: string, proof: string[]): Step[] {
  let [fn, sn, r] = [index, size - 1, leaf];
  return proof.map((sibling) => {
    const isLeft = fn % 2 === 1 || fn === sn;
    r = isLeft ? join(sibling, r) : join(r, sibling);
    if (isLeft) while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    return { side: isLeft ? "left" : "right", sibling, hash: r };
  });
}

const short = (hash: string): string => `${hash.slice(0, 8)}…`;
const [STEP_PX, WIDTH, MIDDLE, ASIDE, BOX] = [44, 420, 210, 110, 84];

export function InclusionPath({ index, size, leaf, proof }: { index: number; size: number; leaf: string; proof: string[] }) {
  const path = steps(index, size, leaf, proof);
  const height = (path.length + 1) * STEP_PX + 8;
  const y = (n: number): number => height - STEP_PX / 2 - n * STEP_PX - 4;
  const root = path.at(-1)?.hash ?? leaf;
  return (
    <svg viewBox={`0 0 ${WIDTH} ${height}`} className="mt-1 max-h-96 w-full" role="img" aria-label={`entry ${index} of ${size}: ${path.length} hashes lead to the root ${root}`}>
      {path.map(({ side, sibling }, n) => {
        const x = side === "left" ? MIDDLE - ASIDE : MIDDLE + ASIDE;
        return (
          <g key={n} stroke="var(--line)" strokeWidth="1.5" fill="none">
            <path d={`M${MIDDLE} ${y(n) - 11}V${y(n + 1) + 11}`} stroke="var(--accent)" />
            <path d={`M${x} ${y(n) - 11}V${y(n) - STEP_PX / 2}H${MIDDLE}`} />
            <Box x={x} y={y(n)} hash={sibling} />
          </g>
        );
      })}
      {[leaf, ...path.map(({ hash }) => hash)].map((hash, n) => <Box key={n} x={MIDDLE} y={y(n)} hash={hash} own />)}
      <text x={MIDDLE + 50} y={y(path.length) + 4} className="fill-soft text-[11px]">root of {size}, signed</text>
      <text x={MIDDLE - 50} y={y(0) + 4} textAnchor="end" className="fill-soft text-[11px]">{proof.length > 0 && path[0]?.side === "left" ? "" : `entry ${index}`}</text>
    </svg>
  );
}

const Box = ({ x, y, hash, own = false }: { x: number; y: number; hash: string; own?: boolean }) => (
  <g>
    <title>{hash}</title>
    <rect x={x - BOX / 2} y={y - 11} width={BOX} height={22} rx="4" fill="var(--raised)" stroke={own ? "var(--accent)" : "var(--line)"} />
    <text x={x} y={y + 4} textAnchor="middle" stroke="none" className="fill-ink font-mono text-[11px]">{short(hash)}</text>
  </g>
);
