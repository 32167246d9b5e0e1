// The settings under which every value has one text, whatever the database, the role and the session say otherwise.

const settings: readonly (readonly [name: string, value: string])[] = [
  ['timezone', 'UTC'],
  ['datestyle', 'ISO, YMD'],
  ['intervalstyle', 'postgres'],
  ['extra_float_digits', '1'],
  ['bytea_output', 'hex'],
  ['xmloption', 'content'],
  ['lc_monetary', 'C'],
  ['search_path', 'pg_catalog'],
  ['row_security', 'off'],
]

export const contentSettings: string = settings.map(([name, value]) => `set local ${name} = '${value}'`).join('; ')
