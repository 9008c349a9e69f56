// Library timers do not keep the process alive, and brittle ends quietly when the event loop runs empty: a test that
// waits for such a timer needs something that does.
import type { Assertions } from 'brittle'

/** Until the end of the test. */
export function keepAlive(t: Assertions): void {
  const alive = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(alive), { order: 9 })
}
