// The runner (scripts/test.mjs) puts this file behind all others and looks for its line: a run that ends without it has
// left tests out, whatever it says of those that it ran.
import { test } from 'brittle'

test('the last test', (t) => {
  t.pass('all before it have ended')
})
