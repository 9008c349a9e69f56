// Walk: how every algorithm of the trie reads. It asks for blocks by number and is given their bytes; where they come
// from (memory, disk, peers, a proof) and what may be waited for is the caller's. So the same code answers a get here,
// walks for a peer over what is held, and checks a proof.

/** Yields the seq of the block that it needs next, and is given its bytes. */
export type Walk<R> = Generator<number, R, Uint8Array>

/** Runs a walk over blocks that are at hand; the first that is not ends it: its seq is in `missing`. */
export function walkHeld<R>(
  walk: Walk<R>,
  held: (seq: number) => Uint8Array | null
): { readonly result: R } | { readonly missing: number } {
  let step = walk.next()
  while (step.done !== true) {
    const block = held(step.value)
    if (block === null) return { missing: step.value }
    step = walk.next(block)
  }
  return { result: step.value }
}

/** A walk that finds many things: yields each, too, beside the blocks that it needs. */
export type Production<T extends object> = Generator<number | T, void, Uint8Array>
