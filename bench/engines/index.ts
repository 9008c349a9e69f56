// The engines by name; each is loaded only in the process that measures it.
import type { Engine, EngineName } from './engine.ts'

export async function loadEngine(name: EngineName): Promise<Engine> {
  if (name === 'logwood') {
    const { logwoodEngine } = await import('./logwood.ts')
    return logwoodEngine
  }
  const { hypercoreEngine } = await import('./hypercore.ts')
  return hypercoreEngine(name)
}
