"""DuckDB macros that mean what Trino's functions mean.

Where Trino fails, a macro provokes a failing cast whose text names the failure: unlike DuckDB's
`error()`, a cast is not volatile, so it neither blocks decorrelation nor breaks `try`.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_MACROS = r"""
trino_idiv(a, b) := if(b = 0, cast('DIVISION_BY_ZERO ' || b as bigint), a // b)
trino_imod(a, b) := if(b = 0, cast('DIVISION_BY_ZERO ' || b as bigint), a % b)
trino_half_up(n, d) := (sign(n) * sign(d))::hugeint * ((2 * abs(n) + abs(d)) // (2 * abs(d)))
trino_ddiv(n, d) := if(d = 0, cast('DIVISION_BY_ZERO ' || d as hugeint), trino_half_up(n, d))
trino_round_int(x) := cast(sign(x) * floor(abs(x) + 0.5) as bigint)
trino_text_int(x) := if(regexp_full_match(x, '[+-]?[0-9]+'), cast(x as bigint),
    cast('INVALID_CAST ' || x as bigint))
trino_at(a, i) := a[if(i between 1 and len(a), i, cast('SUBSCRIPT: Array subscript is outside of
    the array: ' || i as bigint))]
trino_map_at(m, k) := if(map_contains(m, k), m[k], map_values(m)[cast('SUBSCRIPT: Key not
    present in map: ' || k as bigint)])
trino_has_null(a) := len(list_filter(a, lambda x: x is null)) > 0
trino_contains(a, v) := case when a is null or v is null then null when list_contains(a, v)
    then true when trino_has_null(a) then null else false end
trino_array_max(a) := if(trino_has_null(a), null, list_max(a))
trino_array_min(a) := if(trino_has_null(a), null, list_min(a))
trino_array_position(a, v) := if(a is null or v is null, null, coalesce(list_position(a, v), 0))
trino_array_remove(a, v) := if(v is null, null, list_filter(a, lambda x: x is distinct from v))
trino_any(a) := case when a is null then null when list_bool_or(a) then true
    when trino_has_null(a) then null else false end
trino_all(a) := case when a is null then null when not list_bool_and(a) then false
    when trino_has_null(a) then null else true end
trino_json(j) := if(json_valid(j), j, null)
trino_json_scalar(j, p) := case when not json_valid(j) then null
    when json_type(j, p) in ('OBJECT', 'ARRAY', 'NULL') then null
    else json_extract_string(j, p) end
trino_regexp_extract(s, p, g) := if(regexp_matches(s, p), regexp_extract(s, p, g), null)
trino_split_part(s, d, i) := if(i > len(string_split(s, d)), null, string_split(s, d)[i])
trino_split_map(s, a, b) := map_from_entries(list_transform(string_split(s, a), lambda x: {k:
    split_part(x, b, 1), v: split_part(x, b, 2)}))
trino_map_agg(k, v) := map_from_entries(list({k: k, v: v}) filter (where k is not null))
trino_substr(s, i) := case when i = 0 then if(s is null, null, '') when i < 0 and -i > length(s)
    then '' else substr(s, i) end
trino_substr_n(s, i, n) := case when i = 0 then if(s is null, null, '') when i < 0 and -i >
    length(s) then '' else substr(s, i, greatest(n, 0)) end
trino_trim(s) := trim(s, e' \t\n\r\f\v')
trino_trim_start(s) := ltrim(s, e' \t\n\r\f\v')
trino_trim_end(s) := rtrim(s, e' \t\n\r\f\v')
trino_millisecond(t) := datepart('millisecond', t) % 1000
trino_slice(a, i, n) := if(i > 0, a[i:i + n - 1], a[len(a) + i + 1:len(a) + i + n])
trino_days(a, b) := to_days(cast(a - b as integer))
trino_round_timestamp(t, n) := make_timestamp(((epoch_us(t) + n // 2) // n) * n)
trino_round_instant(t, n) := make_timestamptz(((epoch_us(t) + n // 2) // n) * n)
codepoint(x) := unicode(x)
nan() := 'nan'::double
infinity() := 'inf'::double
is_finite(x) := isfinite(x)
is_infinite(x) := isinf(x)
e() := exp(1.0::double)
trino_distinct(a) := list_filter(a, lambda x, i: list_position(a, x) = i)
array_union(a, b) := trino_distinct(a || b)
trino_cbrt(x) := if(round(cbrt(x)) ** 3 = x, round(cbrt(x)), cbrt(x))
arrays_overlap(a, b) := case when a is null or b is null then null when list_has_any(a, b)
    then true when len(a) = 0 or len(b) = 0 then false
    when trino_has_null(a) or trino_has_null(b) then null else false end
bitwise_and(a, b) := a::bigint & b::bigint
bitwise_or(a, b) := a::bigint | b::bigint
bitwise_xor(a, b) := xor(a::bigint, b::bigint)
bitwise_left_shift(a, b) := a::bigint << b::bigint
bitwise_right_shift(a, b) := a::bigint >> b::bigint
char_length(x) := length(x)
character_length(x) := length(x)
trim_array(a, n) := a[1:len(a) - n]
hamming_distance(a, b) := hamming(a, b)
to_iso8601(d) := if(typeof(d) = 'DATE', strftime(d, '%Y-%m-%d'), if(typeof(d) = 'TIMESTAMP',
    strftime(d, '%Y-%m-%dT%H:%M:%S.%f'), strftime(d, '%Y-%m-%dT%H:%M:%S.%gZ')))
trino_width_bucket(x, a, b, n) := case when x < a then 0 when x >= b then n + 1 else
    cast(floor((x - a) / (b - a) * n) as bigint) + 1 end
json_array_get(j, i) := json_extract(j, '$[' || i || ']')
url_extract_host(u) := nullif(regexp_extract(u, '^[a-zA-Z]+://([^/:?#]+)', 1), '')
url_extract_path(u) := regexp_extract(u, '^[a-zA-Z]+://[^/?#]+([^?#]*)', 1)
url_extract_parameter(u, p) := nullif(regexp_extract(u, '[?&]' || p || '=([^&#]*)', 1), '')
yow(d) := isoyear(d)
doy(d) := dayofyear(d)
dow(d) := isodow(d)
day_of_week(d) := isodow(d)
with_timezone(t, z) := timezone(z, t)
"""


def install(connection: "duckdb.DuckDBPyConnection") -> None:
    """Makes the macros in the connection's database; every cursor of it sees them."""
    for macro in re.split(r"\n(?! )", _MACROS.strip()):
        name, _, body = re.sub(r"\n +", " ", macro).partition(" := ")
        connection.execute(f"CREATE OR REPLACE MACRO {name} AS {body}")
    connection.create_function(
        "trino_double_text",
        double_text,
        ["DOUBLE"],
        "VARCHAR",
    )


def double_text(value: float) -> str:
    """A double as Trino casts it to varchar, such as `1.5E0`."""
    if value != value:  # noqa: PLR0124 - only NaN is unlike itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, _, exponent = f"{value!r}".lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return f"{sign}0.0E0"
    leading = len(whole + fraction) - len(digits)
    power = len(whole) - 1 - leading + int(exponent or 0)
    digits = digits.rstrip("0") or "0"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{power}"
