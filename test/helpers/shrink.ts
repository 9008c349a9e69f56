// Makes a list that fails smaller while it still fails: parts left out, in halves and then singly, then each item
// made simpler.

export async function shrink<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>,
  simpler: (item: T) => readonly T[]
): Promise<readonly T[]> {
  let smallest = await withoutParts(items, fails)
  for (let i = 0; i < smallest.length; i++) {
    for (;;) {
      const next = await firstFailing(
        simpler(smallest[i]!).map((item) => smallest.with(i, item)),
        fails
      )
      if (next === null) break
      smallest = next
    }
  }
  return smallest
}

async function withoutParts<T>(
  items: readonly T[],
  fails: (items: readonly T[]) => Promise<boolean>
): Promise<readonly T[]> {
  let smallest = items
  for (let count = Math.ceil(items.length / 2); count >= 1; count = Math.floor(count / 2)) {
    for (let start = 0; start < smallest.length; ) {
      const less = smallest.toSpliced(start, count)
      if (await fails(less)) smallest = less
      else start += count
    }
  }
  return smallest
}

async function firstFailing<T>(
  candidates: readonly (readonly T[])[],
  fails: (items: readonly T[]) => Promise<boolean>
): Promise<readonly T[] | null> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate
  return null
}
