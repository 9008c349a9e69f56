// A store run beside a plain Map: random puts, deletes, batches and checkpoints, and what each version held.
import type { Assertions } from 'brittle'
import { KeyValue } from '../../lib/keyvalue/keyvalue.ts'
import type { KeyValueOptions } from '../../lib/keyvalue/options.ts'
import { Log } from '../../lib/log/log.ts'
import { type SeededRandom, seededRandom } from '../helpers/random.ts'
import { seededEnv } from '../helpers/seeded-env.ts'

export type Contents = ReadonlyMap<string, string>

export interface ModelRun extends AsyncDisposable {
  readonly random: SeededRandom
  readonly log: Log
  readonly kv: KeyValue<string, string>
  readonly isOrdered: boolean
  /** Versions and what they held, oldest first. */
  readonly versions: { version: number; contents: Contents }[]
  /** Every key that was ever named. */
  readonly keys: readonly string[]
}

/** A few words per seed: few keys or many, deep or flat, small pages or large. */
export async function openModel(
  seed: number,
  options: { ordered?: boolean } = {}
): Promise<ModelRun> {
  const random = seededRandom(seed)
  const isOrdered = options.ordered ?? random.int(5) === 0
  const log = await Log.open(null, { env: seededEnv(random), durability: 'memory' })
  const pageBytes = 40 + random.int(random.int(2) === 0 ? 60 : 2000)
  const policy = (['none', 'low-latency', 'default'] as const)[random.int(3)]!
  const settings: KeyValueOptions<string, string> = {
    valueEncoding: 'utf-8',
    ordered: isOrdered,
    pageBytes,
    checkpoints: policy,
    checkpointOperations: 1 + random.int(200),
    inlineBytes: random.int(4) === 0 ? random.int(20) : 512
  }
  const kv = await KeyValue.open<string, string>(log, settings)
  const keys = someKeys(random, isOrdered)
  return {
    random,
    log,
    kv,
    isOrdered,
    versions: [],
    keys,
    async [Symbol.asyncDispose]() {
      await kv.close()
      await log.close()
    }
  }
}

function someKeys(random: SeededRandom, isOrdered: boolean): string[] {
  const count = 2 + random.int(random.int(3) === 0 ? 2000 : 60)
  const keys = new Set<string>()
  while (keys.size < count) {
    const depth = isOrdered ? 1 : 1 + random.int(4)
    const parts: string[] = []
    for (let i = 0; i < depth; i++) {
      // Few directories, so that keys share them and are prefixes of others.
      parts.push(i < depth - 1 ? `d${random.int(4)}` : `k${random.int(count)}`)
    }
    keys.add(parts.join('/'))
    if (random.int(10) === 0 && depth > 1) keys.add(parts.slice(0, -1).join('/'))
  }
  return [...keys]
}

/** One random step; keeps the versions. */
export async function step(run: ModelRun): Promise<void> {
  const { random, kv, versions } = run
  const contents = new Map(versions.at(-1)?.contents)
  const what = random.int(100)
  if (what < 45) await putOne(run, contents)
  else if (what < 65) await deleteOne(run, contents)
  else if (what < 90) await writeBatch(run, contents)
  else if (what < 96) await kv.checkpoint({ kind: 'index' })
  else await kv.checkpoint({ kind: 'full', moveValues: random.int(2) === 0 })
  const { version } = await kv.stats()
  versions.push({ version, contents })
}

async function putOne(
  { random, kv, keys }: ModelRun,
  contents: Map<string, string>
): Promise<void> {
  const key = keys[random.int(keys.length)]!
  const value = someValue(random)
  await kv.put(key, value)
  contents.set(key, value)
}

async function deleteOne(
  { random, kv, keys }: ModelRun,
  contents: Map<string, string>
): Promise<void> {
  const present = [...contents.keys()]
  const key =
    present.length > 0 && random.int(4) > 0
      ? present[random.int(present.length)]!
      : keys[random.int(keys.length)]!
  const wasThere = await kv.del(key)
  if (wasThere !== contents.delete(key)) throw new Error(`del ${key}: ${wasThere}`)
}

async function writeBatch(
  { random, kv, keys }: ModelRun,
  contents: Map<string, string>
): Promise<void> {
  const operations: ({ type: 'put'; key: string; value: string } | { type: 'del'; key: string })[] =
    []
  const dropRate = random.int(10)
  for (let left = random.int(60); left > 0; left--) {
    const key = keys[random.int(keys.length)]!
    if (random.int(10) < dropRate) {
      operations.push({ type: 'del', key })
      contents.delete(key)
    } else {
      const value = someValue(random)
      operations.push({ type: 'put', key, value })
      contents.set(key, value)
    }
  }
  await kv.batch(operations)
}

function someValue(random: SeededRandom): string {
  const kind = random.int(20)
  if (kind === 0) return ''
  if (kind === 1) return 'x'.repeat(600 + random.int(2000))
  return `v${random.int(1e6)}`
}

/** Compares one version with what it held: gets, iteration, count. Returns how many comparisons were made. */
export async function checkVersion(
  t: Assertions,
  run: ModelRun,
  at: { version: number; contents: Contents },
  source: KeyValue<string, string> = run.kv
): Promise<number> {
  let checks = 0
  const kv = await source.checkout(at.version)
  for (const key of run.keys) {
    const entry = await kv.get(key)
    checks++
    if ((entry?.value ?? null) !== (at.contents.get(key) ?? null)) {
      t.fail(`version ${at.version}, ${key}: ${entry?.value} instead of ${at.contents.get(key)}`)
    }
  }
  const listed = new Map<string, string>()
  for await (const { key, value } of kv.entries()) {
    if (listed.has(key)) t.fail(`version ${at.version}: ${key} twice`)
    listed.set(key, value)
  }
  if (!sameContents(listed, at.contents)) {
    t.fail(`version ${at.version}: ${listed.size} entries instead of ${at.contents.size}`)
  }
  const count = await kv.count()
  if (count !== at.contents.size)
    t.fail(`version ${at.version}: counts ${count}, not ${at.contents.size}`)
  await kv.close()
  return checks + listed.size + 1
}

export function sameContents(a: Contents, b: Contents): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
