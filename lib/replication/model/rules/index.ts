// The policy: what is asked next, and in which order. The first rule that names a question wins.
import { blockRule } from './block.ts'
import { duplicateRule } from './duplicate.ts'
import { manifestRule } from './manifest.ts'
import { rangeRule } from './range.ts'
import type { Candidate, Rule, View } from './rule.ts'
import { seekRule } from './seek.ts'
import { upgradeRule } from './upgrade.ts'

/** For what users wait for; may use the whole window. */
export const urgentRules: readonly Rule[] = [manifestRule, seekRule, blockRule, upgradeRule]
/** For the rest; leaves some of the window free. */
export const patientRules: readonly Rule[] = [rangeRule, duplicateRule]

export function firstOf(rules: readonly Rule[], view: View): Candidate | null {
  for (const rule of rules) {
    const candidate = rule(view)
    if (candidate !== null) return candidate
  }
  return null
}
