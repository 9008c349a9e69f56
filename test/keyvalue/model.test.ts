// T-PROP of the key-value store: against a Map per version, with histories, deletions, batches, checkpoints, old versions.
import { test } from 'brittle'
import { Diff } from '../../lib/keyvalue/diff.ts'
import { readHeader } from '../../lib/keyvalue/header.ts'
import { pathsOf } from '../../lib/keyvalue/path.ts'
import { headRef, type Ref } from '../../lib/keyvalue/place.ts'
import { toUtf8 } from '../../lib/util/bytes.ts'
import { seedList, tellFigures } from '../helpers/long.ts'
import { type Contents, checkVersion, type ModelRun, openModel, step } from './model.ts'

const STEPS = 40
const OLD_VERSIONS = 10

test('every version holds what was written, and nothing else', async (t) => {
  let checks = 0
  const seeds = seedList(60, 3000)
  for (const seed of seeds) {
    await using run = await openModel(seed)
    for (let i = 0; i < STEPS; i++) await step(run)
    const newest = run.versions.at(-1)!
    checks += await guarded(seed, () => checkVersion(t, run, newest))
    for (let i = 0; i < OLD_VERSIONS; i++) {
      const old = run.versions[run.random.int(run.versions.length)]!
      checks += await guarded(seed, () => checkVersion(t, run, old))
    }
    await guarded(seed, () => checkDiffs(run))
    await guarded(seed, () => checkLists(run, newest.contents))
    await guarded(seed, () => checkHistory(run))
    await guarded(seed, () => checkResumedLists(run))
  }
  t.pass(`${checks} comparisons`)
  tellFigures(t, 'T-KV model', { seeds: seeds.length, checks })
})

async function guarded<T>(seed: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
  }
}

async function checkDiffs(run: ModelRun): Promise<void> {
  const { kv, random, versions } = run
  for (let i = 0; i < 6; i++) {
    const a = versions[random.int(versions.length)]!
    const b = versions[random.int(versions.length)]!
    const found: Found = new Map()
    for await (const { key, left, right } of kv.diff(a.version, { to: b.version })) {
      add(found, key, [left?.value ?? null, right?.value ?? null])
    }
    compareDiff(found, a, b)
    compareDiff(await structuralDiff(run, a.version, b.version), a, b)
    await checkResumedDiff(run, a, b)
  }
}

type Found = Map<string, [string | null, string | null]>

function add(found: Found, key: string, sides: [string | null, string | null]): void {
  if (found.has(key)) throw new Error(`diff: ${key} twice`)
  found.set(key, sides)
}

/** By the tries alone: versions that are near are compared by the operations between them. */
async function structuralDiff(run: ModelRun, from: number, to: number): Promise<Found> {
  const { kv, log } = run
  const paths = pathsOf(readHeader(await log.get(0)))
  const diff = new Diff(paths).between(refTo(from), refTo(to), null)
  const left = await kv.checkout(from)
  const right = await kv.checkout(to)
  const found: Found = new Map()
  let step = diff.next()
  while (step.done !== true) {
    if (typeof step.value === 'number') {
      step = diff.next(log.peek(step.value)!)
      continue
    }
    const key = (step.value.left ?? step.value.right)!.key().map(toUtf8).join('/')
    add(found, key, [(await left.get(key))?.value ?? null, (await right.get(key))?.value ?? null])
    if ((step.value.left === null) !== ((await left.get(key)) === null))
      throw new Error(`diff: ${key}`)
    step = diff.next(new Uint8Array(0))
  }
  await left.close()
  await right.close()
  return found
}

function refTo(version: number): Ref | null {
  return version <= 1 ? null : headRef(version)
}

/** Stopped anywhere, and gone on with: the same. */
async function checkResumedDiff({ kv, random }: ModelRun, a: Version, b: Version): Promise<void> {
  const whole: string[] = []
  for await (const { key } of kv.diff(a.version, { to: b.version })) whole.push(key)
  if (whole.length === 0) return
  const at = random.int(whole.length)
  const rest: string[] = []
  for await (const { key } of kv.diff(a.version, { to: b.version, after: whole[at]! }))
    rest.push(key)
  if (rest.join() !== whole.slice(at + 1).join()) {
    throw new Error(
      `diff ${a.version}..${b.version} after ${at} of ${whole.length}: ${rest.length}`
    )
  }
}

type Version = { version: number; contents: Contents }

function compareDiff(
  found: ReadonlyMap<string, [string | null, string | null]>,
  a: Version,
  b: Version
): void {
  const keys = new Set([...a.contents.keys(), ...b.contents.keys()])
  for (const key of keys) {
    const left = a.contents.get(key) ?? null
    const right = b.contents.get(key) ?? null
    const told = found.get(key)
    if (told === undefined && left !== right)
      throw new Error(`diff ${a.version}..${b.version}: ${key} missing`)
    if (told !== undefined && (told[0] !== left || told[1] !== right)) {
      throw new Error(
        `diff ${a.version}..${b.version}: ${key} is ${told.join()} not ${left},${right}`
      )
    }
  }
  for (const key of found.keys()) if (!keys.has(key)) throw new Error(`diff: ${key} from nowhere`)
}

async function checkLists({ kv, isOrdered, keys }: ModelRun, contents: Contents): Promise<void> {
  if (isOrdered) return
  const prefixes = new Set(['d0', 'd1', 'd0/d1', 'k1', ...keys.slice(0, 5)])
  for (const prefix of prefixes) {
    const below = [...contents.keys()].filter((key) => key.startsWith(`${prefix}/`))
    const listed: string[] = []
    for await (const { key } of kv.entries({ prefix, keysOnly: true })) listed.push(key)
    if (listed.toSorted().join() !== below.toSorted().join()) {
      throw new Error(`list ${prefix}: ${listed.length} instead of ${below.length}`)
    }
    await checkChildren(kv, prefix, contents)
  }
  await checkChildren(kv, null, contents)
}

async function checkChildren(
  kv: ModelRun['kv'],
  prefix: string | null,
  contents: Contents
): Promise<void> {
  const expected = new Map<string, { hasValue: boolean; hasChildren: boolean }>()
  const start = prefix === null ? '' : `${prefix}/`
  for (const key of contents.keys()) {
    if (!key.startsWith(start)) continue
    const [name, ...rest] = key.slice(start.length).split('/')
    const known = expected.get(name!) ?? { hasValue: false, hasChildren: false }
    if (rest.length === 0) known.hasValue = true
    else known.hasChildren = true
    expected.set(name!, known)
  }
  for await (const { name, hasValue, hasChildren } of kv.children(prefix)) {
    const wanted = expected.get(name)
    if (wanted?.hasValue !== hasValue || wanted.hasChildren !== hasChildren) {
      throw new Error(`children of ${prefix}: ${name} ${hasValue} ${hasChildren}`)
    }
    expected.delete(name)
  }
  if (expected.size > 0) throw new Error(`children of ${prefix}: ${[...expected.keys()]} missing`)
}

/** Replaying the operations gives each version. */
async function checkHistory({ kv, versions }: ModelRun): Promise<void> {
  const state = new Map<string, string>()
  const expected = new Map(versions.map(({ version, contents }) => [version, contents]))
  let commit = 0
  const compare = (): void => {
    const contents = expected.get(commit)
    if (contents === undefined) return
    if (contents.size !== state.size) {
      throw new Error(`history at ${commit}: ${state.size} keys instead of ${contents.size}`)
    }
    for (const [key, value] of contents) {
      if (state.get(key) !== value) throw new Error(`history at ${commit}: ${key}`)
    }
  }
  for await (const operation of kv.history()) {
    if (operation.commit !== commit) compare()
    commit = operation.commit
    if (operation.type === 'put') state.set(operation.entry.key, operation.entry.value)
    else state.delete(operation.key)
  }
  compare()
}

/** Iteration stopped anywhere and gone on with, backwards, ranges, and limits. */
async function checkResumedLists({
  kv,
  random,
  isOrdered,
  keys,
  versions
}: ModelRun): Promise<void> {
  const whole = await keysOf(kv.entries())
  const limit = random.int(whole.length + 1)
  expectSame(await keysOf(kv.entries({ limit })), whole.slice(0, limit), 'limit')
  expectSame(await keysOf(kv.entries({ reverse: true })), whole.toReversed(), 'reverse')
  if (whole.length > 0) {
    const at = random.int(whole.length)
    expectSame(await keysOf(kv.entries({ after: whole[at]! })), whole.slice(at + 1), 'after')
    const before = await keysOf(kv.entries({ after: whole[at]!, reverse: true }))
    expectSame(before, whole.slice(0, at).toReversed(), 'after, reverse')
  }
  if (!isOrdered) return
  const present = [...versions.at(-1)!.contents.keys()].toSorted()
  expectSame(whole, present, 'order')
  const low = keys[random.int(keys.length)]!
  const high = keys[random.int(keys.length)]!
  for (const reverse of [false, true]) {
    const inside = present.filter((key) => key >= low && key < high)
    const outside = present.filter((key) => key > low && key <= high)
    const found = await keysOf(kv.range({ gte: low, lt: high, reverse }))
    expectSame(found, reverse ? inside.toReversed() : inside, `range ${low} ${high}`)
    const others = await keysOf(kv.range({ gt: low, lte: high, reverse }))
    expectSame(others, reverse ? outside.toReversed() : outside, `range ${low} ${high}`)
  }
}

async function keysOf(entries: AsyncIterable<{ key: string }>): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of entries) found.push(key)
  return found
}

function expectSame(found: readonly string[], expected: readonly string[], what: string): void {
  if (found.join() !== expected.join()) {
    throw new Error(`${what}: ${found.length} keys, not ${expected.length}`)
  }
}
