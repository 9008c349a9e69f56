// Where the build is that a test of the package belongs to, and what package.json says of it. In a checkout the
// build is `dist`; the compiler may have been told another directory.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url))
/** With a slash at its end; in package.json it is called `dist/`. */
export const BUILD: string = fileURLToPath(new URL('../../', import.meta.url))
export const IS_DIST: boolean = BUILD === `${ROOT}dist/`

export interface PackageFile {
  readonly types: string
  readonly exports: Record<string, string | Record<string, string>>
  readonly bin: Record<string, string>
  readonly dependencies: Record<string, string>
}

export const packageFile: PackageFile = JSON.parse(
  readFileSync(`${ROOT}package.json`, 'utf-8')
) as PackageFile
