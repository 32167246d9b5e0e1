// How tests reach the S3 service of test/support.

import type { S3Options } from '../../../src/tiers/store/s3.ts'

export function s3Options(endpoint: string, more: Partial<S3Options> = {}): S3Options {
  return {
    region: 'us-east-1',
    endpoint,
    pathStyle: true,
    storageClass: undefined,
    encryption: undefined,
    partSizeBytes: 5 * 1024 ** 2,
    tries: 2,
    timeoutMs: 2_000,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    ...more,
  }
}
