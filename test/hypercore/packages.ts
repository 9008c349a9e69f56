// Two cores with one key, each of either implementation, that replicate live; for packages that run on top.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Assertions, test } from 'brittle'
import Reference from 'hypercore'
import { Hypercore } from '../../lib/hypercore/hypercore.ts'
import type { HypercoreClass } from './both.ts'

type Core = InstanceType<HypercoreClass>

export interface Couple {
  readonly t: Assertions
  readonly writer: Core
  readonly reader: Core
  until(holds: () => boolean | Promise<boolean>): Promise<void>
}

const STOCK = Reference as unknown as HypercoreClass

/** The script with a writer of ours and a stock reader, and the other way round. */
export function mixed(name: string, script: (couple: Couple) => Promise<void>): void {
  test(`mixed: ${name}, ours to stock`, { timeout: 30_000 }, (t) =>
    run(t, Hypercore, STOCK, script)
  )
  test(`mixed: ${name}, stock to ours`, { timeout: 30_000 }, (t) =>
    run(t, STOCK, Hypercore, script)
  )
}

async function run(
  t: Assertions,
  Writer: HypercoreClass,
  Reader: HypercoreClass,
  script: (couple: Couple) => Promise<void>
): Promise<void> {
  const keepAlive = setInterval(() => {}, 1000)
  const directory = await mkdtemp(join(tmpdir(), 'logwood-mixed-'))
  const writer = new Writer(join(directory, 'writer'))
  await writer.ready()
  const reader = new Reader(join(directory, 'reader'), writer.key)
  await reader.ready()
  const streams = [writer.replicate(true), reader.replicate(false)] as const
  for (const stream of streams) stream.on('error', () => {})
  streams[0].pipe(streams[1]).pipe(streams[0])
  try {
    await script({ t, writer, reader, until })
  } finally {
    for (const stream of streams) stream.destroy()
    await reader.close()
    await writer.close()
    clearInterval(keepAlive)
    await rm(directory, { recursive: true, force: true })
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; turns < 10_000; turns++) {
    if (await holds()) return
    await sleep(1)
  }
  throw new Error('it did not come about')
}

export async function listed<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}
