// Whether an expression may give each row another value. Only functions known to be stable or immutable are trusted:
// what a user's own function does cannot be seen from here, and VOLATILE is what CREATE FUNCTION makes it by default.

import { strings, walk, type Tagged } from './ast.ts'

/** Built-in functions that defaults use, of provolatile 'i' or 's' in pg_proc. */
const steady: ReadonlySet<string> = new Set(
  `abs age array_append array_cat array_fill array_length array_position array_prepend array_remove array_replace array_to_json
  array_to_string ascii bit_length btrim cardinality ceil ceiling char_length character_length chr concat concat_ws convert
  convert_from convert_to current_database current_schema current_schemas current_setting current_user date date_bin date_part
  date_trunc decode digest div encode exp extract floor format get_byte host hashtext inet_client_addr initcap int4range int8range
  json_array_length json_build_array json_build_object json_object jsonb jsonb_array_length jsonb_build_array
  jsonb_build_object jsonb_object jsonb_set justify_days justify_hours justify_interval left length ln log lower lpad ltrim make_date
  make_interval make_time make_timestamp make_timestamptz md5 mod now numrange octet_length overlay parse_ident pi position power
  quote_ident quote_literal quote_nullable regexp_replace repeat replace reverse right round row_to_json rpad rtrim session_user
  set_masklen sha224 sha256 sha384 sha512 sign split_part sqrt starts_with statement_timestamp string_to_array strpos substr substring
  text timestamptz timezone to_char to_date to_hex to_json to_jsonb to_number to_timestamp to_tsquery to_tsvector transaction_timestamp
  translate trim trunc tsrange tstzrange txid_current_if_assigned daterange upper user version width_bucket
  pg_backend_pid pg_current_xact_id_if_assigned uuid_nil uuid_ns_dns uuid_ns_url`.split(/\s+/),
)

/** The name of the first function in it that may be volatile. */
export function volatileCallIn(expression: Tagged | undefined): string | undefined {
  let found: string | undefined
  if (expression === undefined) return undefined
  walk({ [expression.kind]: expression.node }, ({ kind, node }) => {
    if (kind !== 'FuncCall' || found !== undefined) return
    const parts = strings(node, 'funcname')
    const name = parts.at(-1) ?? ''
    const builtIn = parts.length === 1 || parts[0] === 'pg_catalog'
    if (!builtIn || !steady.has(name)) found = name
  })
  return found
}
