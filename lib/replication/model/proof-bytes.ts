// What a proof takes on the wire, about: for what peers cost, for limits, and for what is told of speed.
import type { Proof } from '../../merkle/proof.ts'

/** Of one node. */
const NODE_BYTES = 40

export function proofBytes({ block, hash, seek, upgrade }: Proof): number {
  let nodes = (hash?.nodes.length ?? 0) + (seek?.nodes.length ?? 0)
  if (upgrade !== null) nodes += upgrade.nodes.length + upgrade.additionalNodes.length
  if (block === null) return nodes * NODE_BYTES
  return block.value.byteLength + (nodes + block.nodes.length) * NODE_BYTES
}
