// A store puts thousands of logs on one connection: those to which nothing happens set no timers, and say little.
import { test } from 'brittle'
import { Mux } from '../../lib/mux/mux.ts'
import { Replicator } from '../../lib/replication/replicator.ts'
import { turns } from '../helpers/attacker.ts'
import { CountingEnv, memoryStreams, QuietLog } from '../helpers/quiet-logs.ts'

const COUNT = 1_000
/** Sync twice, as the first is said before the peer's is heard; a range; its history, asked once and shown once. */
const MAX_MESSAGES = 5

for (const [length, what] of [
  [0, 'empty logs'],
  [10, 'logs that both sides hold']
] as const) {
  test(`${COUNT} ${what} on one connection`, { timeout: 20_000 }, async (t) => {
    const env = new CountingEnv()
    const muxes = memoryStreams().map((stream) => new Mux(stream, { env }))
    const replicators: Replicator[] = []
    for (let i = 0; i < COUNT; i++) {
      const logs = QuietLog.pair(length)
      for (const [side, log] of logs.entries()) {
        const replicator = new Replicator(log, {}, env)
        replicators.push(replicator)
        replicator.attach(muxes[side]!)
      }
    }
    await turns(50)
    const peers = replicators.flatMap((replicator) => [...replicator.peers])
    t.is(peers.length, 2 * COUNT, 'each meets its other')
    t.is(env.timers, 0, 'no timer is set')
    const said = muxes.flatMap(({ channels }) => channels.map(({ messagesOut }) => messagesOut))
    t.ok(Math.max(...said) <= MAX_MESSAGES, `at most ${Math.max(...said)} messages each`)
    for (const replicator of replicators) replicator.close()
    t.is(env.timers, 0)
  })
}
