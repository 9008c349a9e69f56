// The part of brittle 4 that the tests use; the package ships no types.
declare module 'brittle' {
  export interface Assertions {
    is(actual: unknown, expected: unknown, message?: string): void
    not(actual: unknown, expected: unknown, message?: string): void
    alike(actual: unknown, expected: unknown, message?: string): void
    unlike(actual: unknown, expected: unknown, message?: string): void
    ok(value: unknown, message?: string): void
    absent(value: unknown, message?: string): void
    pass(message?: string): void
    fail(message?: string): void
    exception(
      run: Promise<unknown> | (() => unknown),
      expected?: unknown,
      message?: string
    ): Promise<void>
    execution(run: Promise<unknown> | (() => unknown), message?: string): Promise<unknown>
    comment(...message: unknown[]): void
    plan(count: number): void
    teardown(run: () => unknown, options?: { order?: number }): void
    timeout(ms: number): void
    tmp(): Promise<string>
    end(): void
  }
  export interface TestOptions {
    timeout?: number
    skip?: boolean
  }
  export type TestBody = (t: Assertions) => void | Promise<void>
  interface Test {
    (name: string, body: TestBody): Promise<boolean>
    (name: string, options: TestOptions, body: TestBody): Promise<boolean>
  }
  export const test: Test
}
