// Addresses of the option --tcp: HOST:PORT, with IPv6 in brackets, [::1]:PORT.
import { isIPv6 } from 'node:net'
import { UsageError } from './arguments.ts'
import type { OptionSpec } from './command.ts'

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

export const TCP_OPTION: OptionSpec = {
  type: 'string',
  value: 'HOST:PORT',
  help: 'the address; IPv6 in brackets: [::1]:4977'
}

/** @throws UsageError; port 0 only where `minPort` is 0 */
export function parseTcpAddress(text: string | undefined, minPort: number): TcpAddress {
  if (text === undefined) throw new UsageError('--tcp HOST:PORT is missing')
  const match = /^(?:\[([^\]]+)\]|([^[\]:\s]+)):(\d{1,5})$/.exec(text)
  const [, bracketed, plain, digits] = match ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  const isSound = host !== undefined && (bracketed === undefined || isIPv6(bracketed))
  if (!isSound) throw new UsageError('--tcp must be HOST:PORT; IPv6 in brackets: [::1]:4977')
  if (!(port >= minPort && port <= 65535)) {
    throw new UsageError(`--tcp: the port must be from ${minPort} to 65535`)
  }
  return { host, port }
}

export function formatTcpAddress({ host, port }: TcpAddress): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
}
