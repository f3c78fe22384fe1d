-- DuckDB macros with the results of Trino's functions and casts. Loaded by localaws.athena.translate.prepare().
-- A macro that fails does so by a cast of a text that starts with "athena!", which TRY can catch. It must stand in a
-- CASE branch: AND and OR evaluate both sides. It has the type of its sample.

CREATE OR REPLACE TEMP MACRO athena_fail(kind, what, sample) AS
    list_extract([sample], CAST('athena!' || kind || ': ' || what AS BIGINT));

-- Numbers
CREATE OR REPLACE TEMP MACRO athena_fmod(a, b) AS
    CASE WHEN b = 0 OR isinf(a) THEN CAST('nan' AS DOUBLE) WHEN isinf(b) THEN a ELSE a % b END;
CREATE OR REPLACE TEMP MACRO athena_divide_half_up(a, b) AS
    CASE WHEN abs(a % b) * 2 >= abs(b) THEN a // b + CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END ELSE a // b END;
CREATE OR REPLACE TEMP MACRO athena_scaled_text(digits, scale) AS
    CASE WHEN digits < 0 THEN '-' ELSE '' END
    || left(lpad(CAST(abs(digits) AS VARCHAR), 39, '0'), 39 - scale) || '.' || right(lpad(CAST(abs(digits) AS VARCHAR), 39, '0'), scale);
CREATE OR REPLACE TEMP MACRO athena_sqrt(x) AS CASE WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE sqrt(x) END;
CREATE OR REPLACE TEMP MACRO athena_cbrt(x) AS CASE WHEN pow(round(cbrt(x)), 3) = x THEN round(cbrt(x)) ELSE cbrt(x) END;
CREATE OR REPLACE TEMP MACRO athena_ln(x) AS
    CASE WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE ln(x) END;
CREATE OR REPLACE TEMP MACRO athena_log2(x) AS
    CASE WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE log2(x) END;
CREATE OR REPLACE TEMP MACRO athena_log10(x) AS
    CASE WHEN x = 0 THEN CAST('-inf' AS DOUBLE) WHEN x < 0 THEN CAST('nan' AS DOUBLE) ELSE log10(x) END;
CREATE OR REPLACE TEMP MACRO athena_acos(x) AS CASE WHEN x BETWEEN -1 AND 1 THEN acos(x) WHEN x IS NULL THEN NULL ELSE CAST('nan' AS DOUBLE) END;
CREATE OR REPLACE TEMP MACRO athena_asin(x) AS CASE WHEN x BETWEEN -1 AND 1 THEN asin(x) WHEN x IS NULL THEN NULL ELSE CAST('nan' AS DOUBLE) END;
-- Trino's sketch gives the value at floor(q × count) of the sorted ones while it is exact; here it always is.
CREATE OR REPLACE TEMP MACRO athena_at_share(sorted, q) AS
    CASE WHEN q < 0 OR q > 1 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Percentile must be between 0 and 1', sorted[1])
         WHEN isnan(sorted[len(sorted)]) THEN athena_fail('GENERIC_INTERNAL_ERROR', 'value is NaN', sorted[1])
         ELSE sorted[least(CAST(floor(q * len(sorted)) AS BIGINT) + 1, len(sorted))] END;
CREATE OR REPLACE TEMP MACRO athena_sorted(items) AS list_sort(list_filter(items, lambda x: x IS NOT NULL));
CREATE OR REPLACE TEMP MACRO athena_percentile(items, q) AS athena_at_share(athena_sorted(items), q);
CREATE OR REPLACE TEMP MACRO athena_percentiles(items, shares) AS
    CASE WHEN len(athena_sorted(items)) > 0 THEN list_transform(shares, lambda q: athena_at_share(athena_sorted(items), q)) END;

-- Casts of text
CREATE OR REPLACE TEMP MACRO athena_bad_cast(x, kind, sample) AS athena_fail('INVALID_CAST_ARGUMENT', 'Cannot cast ''' || x || ''' to ' || kind, sample);
CREATE OR REPLACE TEMP MACRO athena_integer_text(x, kind) AS
    CASE WHEN regexp_full_match(x, '-?[0-9]+') THEN x
         WHEN regexp_full_match(x, '\s*[+-]?[0-9]+\s*') THEN ltrim(trim(x), '+')
         WHEN x IS NOT NULL THEN athena_bad_cast(x, kind, '') END;
CREATE OR REPLACE TEMP MACRO athena_float_text(x, kind) AS
    CASE WHEN regexp_full_match(x, '\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?\s*') THEN rtrim(trim(x), 'dDfF')
         WHEN regexp_full_match(x, '\s*[+-]?(NaN|Infinity)\s*') THEN replace(ltrim(trim(x), '+'), '-NaN', 'NaN')
         WHEN x IS NOT NULL THEN athena_bad_cast(x, kind, '') END;
CREATE OR REPLACE TEMP MACRO athena_decimal_text(x, kind) AS
    CASE WHEN regexp_full_match(x, '\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*') THEN trim(x)
         WHEN x IS NOT NULL THEN athena_fail('INVALID_CAST_ARGUMENT', 'Cannot cast VARCHAR ''' || x || ''' to ' || kind || '. Value is not a number.', '') END;
CREATE OR REPLACE TEMP MACRO athena_boolean(x) AS
    CASE WHEN lower(x) IN ('t', 'true', '1') THEN true WHEN lower(x) IN ('f', 'false', '0') THEN false
         WHEN x IS NOT NULL THEN athena_bad_cast(x, 'BOOLEAN', true) END;
CREATE OR REPLACE TEMP MACRO athena_date_text(x) AS
    CASE WHEN regexp_full_match(x, '\s*[+-]?[0-9]{1,9}-[0-9]{1,2}-[0-9]{1,2}\s*') AND TRY_CAST(trim(x) AS DATE) IS NOT NULL THEN trim(x)
         WHEN x IS NOT NULL THEN athena_fail('INVALID_CAST_ARGUMENT', 'Value cannot be cast to date: ' || x, '') END;
CREATE OR REPLACE TEMP MACRO athena_full_time(x) AS
    CASE WHEN NOT contains(x, ' ') THEN x || ' 00:00:00' WHEN length(x) - length(replace(x, ':', '')) = 1 THEN x || ':00' ELSE x END;
CREATE OR REPLACE TEMP MACRO athena_timestamp_text(x) AS
    CASE WHEN regexp_full_match(x, '\s*[0-9]{4,}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{1,6})?)?)?\s*')
              AND TRY_CAST(athena_full_time(trim(x)) AS TIMESTAMP) IS NOT NULL THEN athena_full_time(trim(x))
         WHEN x IS NOT NULL THEN athena_fail('INVALID_CAST_ARGUMENT', 'Value cannot be cast to timestamp: ' || x, '') END;
CREATE OR REPLACE TEMP MACRO athena_time_text(x) AS
    CASE WHEN regexp_full_match(x, '\s*[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]{1,6})?)?\s*') THEN trim(x)
         WHEN x IS NOT NULL THEN athena_fail('INVALID_CAST_ARGUMENT', 'Value cannot be cast to time: ' || x, '') END;
CREATE OR REPLACE TEMP MACRO athena_fit(x, size, kind) AS
    CASE WHEN x IS NULL OR length(x) <= size THEN x
         ELSE athena_fail('INVALID_CAST_ARGUMENT', 'Value ' || x || ' cannot be represented as ' || kind, '') END;

-- Casts to text
CREATE OR REPLACE TEMP MACRO athena_round_timestamp(us, step) AS make_timestamp(us - ((us % step) + step) % step);
CREATE OR REPLACE TEMP MACRO athena_scientific(digits, exponent) AS
    left(digits, 1) || '.' || CASE WHEN length(digits) = 1 THEN '0' ELSE substr(digits, 2) END || 'E' || exponent;
-- mantissa: digits with at most one point, such as 0.0375 or 37.5; exponent: the power of ten it stands with
CREATE OR REPLACE TEMP MACRO athena_from_mantissa(mantissa, exponent) AS
    athena_scientific(
        rtrim(ltrim(replace(mantissa, '.', ''), '0'), '0'),
        exponent + CASE WHEN ltrim(split_part(mantissa, '.', 1), '0') <> '' THEN length(ltrim(split_part(mantissa, '.', 1), '0')) - 1
                        ELSE length(ltrim(split_part(mantissa, '.', 2), '0')) - length(split_part(mantissa, '.', 2)) - 1 END);
CREATE OR REPLACE TEMP MACRO athena_double_text(x) AS
    CASE WHEN x IS NULL THEN NULL WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
         WHEN x = 0 THEN CASE WHEN CAST(x AS VARCHAR) LIKE '-%' THEN '-0.0E0' ELSE '0.0E0' END
         ELSE CASE WHEN x < 0 THEN '-' ELSE '' END
              || athena_from_mantissa(split_part(CAST(abs(x) AS VARCHAR), 'e', 1),
                                      CASE WHEN contains(CAST(x AS VARCHAR), 'e') THEN CAST(split_part(CAST(x AS VARCHAR), 'e', 2) AS INTEGER) ELSE 0 END)
    END;
-- Java's Double.toString: plain from 0.001 up to ten million
CREATE OR REPLACE TEMP MACRO athena_java_double(x) AS
    CASE WHEN x IS NULL OR isnan(x) OR isinf(x) THEN athena_double_text(x) WHEN x = 0 THEN replace(athena_double_text(x), 'E0', '')
         WHEN abs(x) >= 0.001 AND abs(x) < 10000000 THEN CAST(x AS VARCHAR) ELSE athena_double_text(x) END;
CREATE OR REPLACE TEMP MACRO athena_year_month(m) AS
    CASE WHEN m < 0 THEN '-' ELSE '' END || CAST(abs(m) // 12 AS VARCHAR) || '-' || CAST(abs(m) % 12 AS VARCHAR);
CREATE OR REPLACE TEMP MACRO athena_day_second(ms) AS
    CASE WHEN ms < 0 THEN '-' ELSE '' END || CAST(abs(ms) // 86400000 AS VARCHAR) || ' '
    || strftime(make_timestamp((abs(ms) % 86400000) * 1000), '%H:%M:%S.%g');

-- Time zones: names of the tz database, UTC, or offsets such as +02:00
CREATE OR REPLACE TEMP MACRO athena_offset_minutes(z) AS
    CASE WHEN left(z, 1) = '-' THEN -1 ELSE 1 END * (CAST(substr(z, 2, 2) AS INTEGER) * 60 + CAST(substr(z, 5, 2) AS INTEGER));
CREATE OR REPLACE TEMP MACRO athena_local(t, z) AS
    CASE WHEN z = 'UTC' THEN t WHEN left(z, 1) IN ('+', '-') THEN t + to_minutes(athena_offset_minutes(z))
         ELSE timezone(CASE WHEN left(z, 1) IN ('+', '-') THEN 'UTC' ELSE z END, timezone('UTC', t)) END;
CREATE OR REPLACE TEMP MACRO athena_instant(t, z) AS
    CASE WHEN z = 'UTC' THEN t WHEN left(z, 1) IN ('+', '-') THEN t - to_minutes(athena_offset_minutes(z))
         ELSE timezone('UTC', timezone(CASE WHEN left(z, 1) IN ('+', '-') THEN 'UTC' ELSE z END, t)) END;
CREATE OR REPLACE TEMP MACRO athena_zone(z) AS
    CASE WHEN upper(z) IN ('UTC', 'Z', 'GMT') OR z IN ('+00:00', '-00:00') THEN 'UTC' ELSE z END;
CREATE OR REPLACE TEMP MACRO athena_offset_text(minutes) AS
    CASE WHEN minutes = 0 THEN 'Z' ELSE CASE WHEN minutes < 0 THEN '-' ELSE '+' END
         || lpad(CAST(abs(minutes) // 60 AS VARCHAR), 2, '0') || ':' || lpad(CAST(abs(minutes) % 60 AS VARCHAR), 2, '0') END;
CREATE OR REPLACE TEMP MACRO athena_offset(t, z) AS
    athena_offset_text((epoch_ms(athena_local(t, z)) - epoch_ms(t)) // 60000);
CREATE OR REPLACE TEMP MACRO athena_zone_of(x) AS
    CASE WHEN regexp_matches(x, '[+-][0-9]{2}:[0-9]{2}$') THEN right(x, 6) ELSE regexp_extract(x, '\s([A-Za-z][A-Za-z0-9_/+-]*)$', 1) END;
CREATE OR REPLACE TEMP MACRO athena_clock_of(x) AS
    trim(CASE WHEN regexp_matches(x, '[+-][0-9]{2}:[0-9]{2}$') THEN left(x, length(x) - 6) ELSE regexp_replace(x, '\s[A-Za-z][A-Za-z0-9_/+-]*$', '') END);
CREATE OR REPLACE TEMP MACRO athena_zone_or_utc(x) AS CASE WHEN athena_zone_of(x) = '' THEN 'UTC' ELSE athena_zone(athena_zone_of(x)) END;
CREATE OR REPLACE TEMP MACRO athena_zoned(x) AS
    CASE WHEN x IS NULL THEN NULL ELSE
    {'t': athena_instant(CAST(athena_timestamp_text(athena_clock_of(trim(x))) AS TIMESTAMP), athena_zone_or_utc(trim(x))), 'z': athena_zone_or_utc(trim(x))} END;
CREATE OR REPLACE TEMP MACRO athena_iso_text(x) AS
    CASE WHEN regexp_full_match(x, '[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?(T([0-9]{2}(:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?') THEN x
         WHEN x IS NOT NULL THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Invalid format: "' || x || '"', '') END;
CREATE OR REPLACE TEMP MACRO athena_iso_day(d) AS d || substr('0001-01-01', length(d) + 1);
CREATE OR REPLACE TEMP MACRO athena_iso_clock(c) AS
    CASE length(c) WHEN 0 THEN '00:00:00' WHEN 2 THEN c || ':00:00' WHEN 5 THEN c || ':00' ELSE left(replace(c, ',', '.'), 12) END;
CREATE OR REPLACE TEMP MACRO athena_iso_zone(x) AS regexp_extract(split_part(x, 'T', 2), '(Z|[+-][0-9]{2}(:?[0-9]{2})?)?$', 1);
CREATE OR REPLACE TEMP MACRO athena_iso_zone_name(z) AS
    CASE WHEN z IN ('', 'Z') THEN 'UTC' ELSE athena_zone(left(z, 3) || ':' || CASE WHEN length(z) = 3 THEN '00' ELSE right(z, 2) END) END;
CREATE OR REPLACE TEMP MACRO athena_iso_local(x) AS
    CAST(athena_iso_day(split_part(x, 'T', 1)) || ' ' || athena_iso_clock(regexp_extract(split_part(x, 'T', 2), '^[0-9:.,]*')) AS TIMESTAMP);
CREATE OR REPLACE TEMP MACRO athena_iso_timestamp(x) AS
    CASE WHEN x IS NULL THEN NULL ELSE
    {'t': athena_instant(athena_iso_local(athena_iso_text(x)), athena_iso_zone_name(athena_iso_zone(x))), 'z': athena_iso_zone_name(athena_iso_zone(x))} END;
CREATE OR REPLACE TEMP MACRO athena_iso_date(x) AS
    CASE WHEN regexp_full_match(x, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN CAST(x AS DATE)
         WHEN x IS NOT NULL THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Invalid format: "' || x || '"', DATE '2000-01-01') END;
CREATE OR REPLACE TEMP MACRO athena_parse_date(x, pattern, shape) AS
    CASE WHEN regexp_full_match(x, shape) AND try_strptime(x, pattern) IS NOT NULL THEN date_trunc('milliseconds', try_strptime(x, pattern))
         WHEN x IS NOT NULL THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Invalid format: "' || x || '"', TIMESTAMP '2000-01-01') END;

-- Text
CREATE OR REPLACE TEMP MACRO athena_reverse(x) AS CASE WHEN x = '' THEN '' ELSE array_to_string(list_reverse(regexp_extract_all(x, '(?s).')), '') END;
CREATE OR REPLACE TEMP MACRO athena_spaces() AS chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(28) || chr(29) || chr(30) || chr(31) || ' '
    || chr(5760) || chr(8192) || chr(8193) || chr(8194) || chr(8195) || chr(8196) || chr(8197) || chr(8198) || chr(8200) || chr(8201) || chr(8202)
    || chr(8232) || chr(8233) || chr(8287) || chr(12288);
CREATE OR REPLACE TEMP MACRO athena_upper(x) AS
    CASE WHEN contains(x, 'ß') THEN array_to_string(list_transform(string_split(x, 'ß'), lambda p: upper(p)), 'ß') ELSE upper(x) END;
CREATE OR REPLACE TEMP MACRO athena_levenshtein(a, b) AS
    CASE WHEN octet_length(encode(a)) = length(a) AND octet_length(encode(b)) = length(b) THEN levenshtein(a, b)
         WHEN a IS NOT NULL AND b IS NOT NULL
         THEN athena_fail('NOT_SUPPORTED', 'the local Athena does not compute levenshtein_distance of text that is not ASCII', CAST(1 AS BIGINT)) END;
CREATE OR REPLACE TEMP MACRO athena_url_decode(x) AS
    CASE WHEN regexp_matches(x, '%(.?$|[^0-9a-fA-F]|.[^0-9a-fA-F])') THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Illegal hex characters in escape (%) pattern: ' || x, '')
         ELSE url_decode(replace(x, '+', ' ')) END;
CREATE OR REPLACE TEMP MACRO athena_to_base(n, radix) AS
    CASE WHEN radix < 2 OR radix > 36 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Radix must be between 2 and 36', '')
         WHEN n < 0 THEN '-' || lower(to_base(-n, CAST(radix AS INTEGER))) ELSE lower(to_base(n, CAST(radix AS INTEGER))) END;
CREATE OR REPLACE TEMP MACRO athena_trim(x) AS trim(x, athena_spaces());
CREATE OR REPLACE TEMP MACRO athena_ltrim(x) AS ltrim(x, athena_spaces());
CREATE OR REPLACE TEMP MACRO athena_rtrim(x) AS rtrim(x, athena_spaces());
CREATE OR REPLACE TEMP MACRO athena_substr(x, start) AS
    CASE WHEN start = 0 OR abs(start) > length(x) THEN CASE WHEN x IS NULL OR start IS NULL THEN NULL ELSE '' END ELSE substr(x, start) END;
CREATE OR REPLACE TEMP MACRO athena_substr_length(x, start, size) AS
    CASE WHEN start = 0 OR abs(start) > length(x) OR size <= 0 THEN CASE WHEN x IS NULL OR start IS NULL OR size IS NULL THEN NULL ELSE '' END
         ELSE substr(x, start, size) END;
CREATE OR REPLACE TEMP MACRO athena_starts(x, part) AS
    list_filter(range(1, length(x) + 1), lambda i: substr(x, i, length(part)) = part);
CREATE OR REPLACE TEMP MACRO athena_strpos(x, part, n) AS
    CASE WHEN n = 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', '''instance'' must be a positive or negative number.', 1)
         WHEN x IS NULL OR part IS NULL OR n IS NULL THEN NULL WHEN part = '' THEN CASE WHEN n > 0 THEN 1 ELSE length(x) + 1 END
         ELSE coalesce(athena_starts(x, part)[n], 0) END;
CREATE OR REPLACE TEMP MACRO athena_replace(x, part, new) AS
    CASE WHEN part = '' THEN CASE WHEN x IS NULL OR new IS NULL THEN NULL
              ELSE new || array_to_string(list_transform(regexp_extract_all(x, '(?s).'), lambda c: c || new), '') END
         ELSE replace(x, part, new) END;
CREATE OR REPLACE TEMP MACRO athena_pad(x, size, fill, padded) AS
    CASE WHEN (size < 0 OR size > 2147483647) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Target length must be in the range [0..2147483647]', '')
         WHEN fill = '' THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Padding string must not be empty', '') ELSE padded END;
CREATE OR REPLACE TEMP MACRO athena_split(x, part) AS
    CASE WHEN part = '' THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'The delimiter may not be the empty string', [''])
         WHEN x IS NULL OR part IS NULL THEN NULL ELSE string_split(x, part) END;
CREATE OR REPLACE TEMP MACRO athena_split_limit(x, part, n) AS
    CASE WHEN n <= 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Limit must be positive', [''])
         WHEN len(athena_split(x, part)) <= n THEN athena_split(x, part)
         ELSE list_append(athena_split(x, part)[1:n - 1], array_to_string(athena_split(x, part)[n:], part)) END;
CREATE OR REPLACE TEMP MACRO athena_split_part(x, part, n) AS
    CASE WHEN n <= 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Index must be greater than zero', '')
         WHEN part = '' THEN CASE WHEN n > length(x) THEN NULL ELSE substr(x, n, 1) END ELSE string_split(x, part)[n] END;
CREATE OR REPLACE TEMP MACRO athena_concat_ws(separator, parts) AS CASE WHEN separator IS NULL OR parts IS NULL THEN NULL ELSE coalesce(array_to_string(list_filter(parts, lambda p: p IS NOT NULL), separator), '') END;
CREATE OR REPLACE TEMP MACRO athena_chr(n) AS
    CASE WHEN (n < 0 OR n > 1114111 OR n BETWEEN 55296 AND 57343) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Not a valid Unicode code point: ' || n, '')
         ELSE chr(CAST(n AS INTEGER)) END;
CREATE OR REPLACE TEMP MACRO athena_hamming(a, b) AS
    CASE WHEN length(a) <> length(b) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'The input strings to hamming_distance function must have the same length', CAST(1 AS BIGINT))
         ELSE CAST(len(list_filter(range(1, length(a) + 1), lambda i: substr(a, i, 1) <> substr(b, i, 1))) AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO athena_from_hex(x) AS
    CASE WHEN regexp_full_match(x, '([0-9a-fA-F]{2})*') THEN unhex(x)
         WHEN x IS NOT NULL THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'invalid input: ' || x, encode('')) END;
CREATE OR REPLACE TEMP MACRO athena_regexp_extract(x, pattern, n) AS
    CASE WHEN regexp_matches(x, pattern) THEN regexp_extract(x, pattern, n) END;
CREATE OR REPLACE TEMP MACRO athena_regexp_split(x, pattern) AS CASE WHEN x IS NOT NULL THEN string_split_regex(x, pattern) END;
CREATE OR REPLACE TEMP MACRO athena_widen(x, size, padded) AS CASE WHEN length(x) >= size THEN x ELSE padded END;
CREATE OR REPLACE TEMP MACRO athena_zero_pad(x, size) AS
    CASE WHEN length(x) >= size THEN x WHEN left(x, 1) = '-' THEN '-' || lpad(substr(x, 2), size - 1, '0') ELSE lpad(x, size, '0') END;
CREATE OR REPLACE TEMP MACRO athena_thousands(x) AS
    CASE WHEN left(x, 1) = '-' THEN '-' ELSE '' END || format('{:,}', CAST(ltrim(split_part(x, '.', 1), '-') AS BIGINT))
    || CASE WHEN contains(x, '.') THEN '.' || split_part(x, '.', 2) ELSE '' END;

-- Numbers again
CREATE OR REPLACE TEMP MACRO athena_round(x, digits) AS
    CASE WHEN isnan(x) OR isinf(x) THEN x ELSE CAST(round(x * pow(10, digits)) / pow(10, digits) AS DOUBLE) END;
CREATE OR REPLACE TEMP MACRO athena_width_bucket(x, low, high, n) AS
    CASE WHEN n <= 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'bucketCount must be greater than 0', CAST(1 AS BIGINT))
         WHEN low = high THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'bounds cannot equal each other', CAST(1 AS BIGINT))
         WHEN low < high THEN CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1 ELSE CAST(floor(n * (x - low) / (high - low)) + 1 AS BIGINT) END
         ELSE CASE WHEN x > low THEN 0 WHEN x <= high THEN n + 1 ELSE CAST(floor(n * (low - x) / (low - high)) + 1 AS BIGINT) END END;

-- Arrays and maps
CREATE OR REPLACE TEMP MACRO athena_subscript(a, i) AS
    CASE WHEN i = 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'SQL array indices start at 1', a[1])
         WHEN i < 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Array subscript is negative: ' || i, a[1])
         WHEN i > len(a) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Array subscript must be less than or equal to array length: ' || i || ' > ' || len(a), a[1])
         ELSE a[i] END;
CREATE OR REPLACE TEMP MACRO athena_element_at(a, i) AS
    CASE WHEN i = 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'SQL array indices start at 1', a[1]) ELSE a[i] END;
CREATE OR REPLACE TEMP MACRO athena_has_null(a) AS len(a) > list_count(a);
CREATE OR REPLACE TEMP MACRO athena_array_position(a, x) AS
    CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE coalesce(list_position(a, x), 0) END;
CREATE OR REPLACE TEMP MACRO athena_contains(a, x) AS
    CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN list_contains(a, x) THEN true WHEN athena_has_null(a) THEN NULL ELSE false END;
CREATE OR REPLACE TEMP MACRO athena_any(flags) AS
    CASE WHEN flags IS NULL THEN NULL WHEN list_contains(flags, true) THEN true WHEN athena_has_null(flags) THEN NULL ELSE false END;
CREATE OR REPLACE TEMP MACRO athena_all(flags) AS
    CASE WHEN flags IS NULL THEN NULL WHEN list_contains(flags, false) THEN false WHEN athena_has_null(flags) THEN NULL ELSE true END;
CREATE OR REPLACE TEMP MACRO athena_distinct(a) AS
    list_filter(a, lambda e, i: CASE WHEN e IS NULL THEN NOT athena_has_null(a[1:i - 1]) ELSE list_position(a, e) = i END);
CREATE OR REPLACE TEMP MACRO athena_in(a, e) AS CASE WHEN e IS NULL THEN athena_has_null(a) ELSE list_contains(a, e) END;
CREATE OR REPLACE TEMP MACRO athena_array_intersect(a, b) AS
    CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_filter(athena_distinct(a), lambda e: athena_in(b, e)) END;
CREATE OR REPLACE TEMP MACRO athena_array_except(a, b) AS
    CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_filter(athena_distinct(a), lambda e: NOT athena_in(b, e)) END;
CREATE OR REPLACE TEMP MACRO athena_overlap(a, b) AS
    CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(a, b) THEN true WHEN len(a) = 0 OR len(b) = 0 THEN false
         WHEN athena_has_null(a) OR athena_has_null(b) THEN NULL ELSE false END;
CREATE OR REPLACE TEMP MACRO athena_array_remove(a, x) AS
    CASE WHEN x IS NULL THEN NULL ELSE list_filter(a, lambda e: e IS NULL OR e <> x) END;
CREATE OR REPLACE TEMP MACRO athena_slice(a, start, size) AS
    CASE WHEN start = 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'SQL array indices start at 1', a)
         WHEN size < 0 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'length must be greater than or equal to 0', a)
         WHEN a IS NULL OR start IS NULL OR size IS NULL THEN NULL WHEN size = 0 OR abs(start) > len(a) THEN a[1:0]
         WHEN start > 0 THEN a[start:start + size - 1] ELSE a[len(a) + start + 1:least(len(a) + start + size, len(a))] END;
CREATE OR REPLACE TEMP MACRO athena_repeat(x, n) AS
    CASE WHEN n > 10000 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'count argument of repeat function must be less than or equal to 10000', [x])
         ELSE list_transform(range(n), lambda i: x) END;
CREATE OR REPLACE TEMP MACRO athena_concat_arrays(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL ELSE list_concat(a, b) END;
CREATE OR REPLACE TEMP MACRO athena_array_join(a, separator) AS
    CASE WHEN a IS NULL THEN NULL ELSE coalesce(array_to_string(list_filter(a, lambda e: e IS NOT NULL), separator), '') END;
CREATE OR REPLACE TEMP MACRO athena_array_join_null(a, separator, missing) AS
    array_to_string(list_transform(a, lambda e: coalesce(e, missing)), separator);
CREATE OR REPLACE TEMP MACRO athena_sequence(a, b, step) AS
    CASE WHEN (step = 0 OR (b - a) * sign(step) < 0) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start', [a])
         WHEN (b - a) // step >= 10000 THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'result of sequence function must not have more than 10000 entries', [a])
         ELSE generate_series(a, b, step) END;
CREATE OR REPLACE TEMP MACRO athena_date_sequence(a, b, step) AS generate_series(a, b, step);
CREATE OR REPLACE TEMP MACRO athena_month_sequence(a, b, months) AS
    list_transform(generate_series(0, date_sub('month', a, b) // months), lambda i: a + to_months(CAST(i * months AS INTEGER)));
CREATE OR REPLACE TEMP MACRO athena_map(k, v) AS
    CASE WHEN k IS NULL OR v IS NULL THEN NULL
         WHEN len(k) <> len(v) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Key and value arrays must be the same length', map(k[1:0], v[1:0]))
         WHEN athena_has_null(k) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'map key cannot be null', map(k[1:0], v[1:0]))
         WHEN len(list_distinct(k)) <> len(k) THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Duplicate map keys are not allowed', map(k[1:0], v[1:0]))
         ELSE map(k, v) END;
CREATE OR REPLACE TEMP MACRO athena_first_pairs(pairs, keys) AS list_filter(pairs, lambda p, i: p.k IS NOT NULL AND list_position(keys, p.k) = i);
CREATE OR REPLACE TEMP MACRO athena_map_pairs(pairs) AS
    CASE WHEN pairs IS NULL THEN NULL ELSE
    map(list_transform(athena_first_pairs(pairs, list_transform(pairs, lambda p: p.k)), lambda p: p.k),
        list_transform(athena_first_pairs(pairs, list_transform(pairs, lambda p: p.k)), lambda p: p.v)) END;

CREATE OR REPLACE TEMP MACRO athena_compare_arrays(a, b, result) AS
    CASE WHEN athena_has_null(a) OR athena_has_null(b)
         THEN athena_fail('NOT_SUPPORTED', 'the local Athena does not compare arrays that hold nulls', true) ELSE result END;

-- JSON
CREATE OR REPLACE TEMP MACRO athena_json(x) AS CASE WHEN json_valid(x) THEN x END;
-- What looks like an object, an array or a fraction is looked at again: DuckDB prints fractions anew, so documents with
-- one that may look different go through Python.
CREATE OR REPLACE TEMP MACRO athena_json_scalar_again(x, path) AS
    CASE WHEN json_type(x, path) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL
         WHEN json_type(x, path) = 'DOUBLE' AND regexp_matches(x, '\.[0-9]+0([^0-9]|$)|[0-9][eE][+-]?[0-9]|[0-9.]{17}|0\.000')
         THEN athena_json_get(x, path)
         ELSE json_extract_string(x, path) END;
CREATE OR REPLACE TEMP MACRO athena_json_scalar(x, path) AS
    CASE WHEN regexp_matches(TRY(json_extract_string(x, path)), '^[\[{]|^-?[0-9]+[.eE]') THEN athena_json_scalar_again(x, path)
         ELSE TRY(json_extract_string(x, path)) END;
CREATE OR REPLACE TEMP MACRO athena_json_extract(x, path) AS CASE WHEN json_valid(x) THEN athena_json_get(x, path) END;
CREATE OR REPLACE TEMP MACRO athena_json_size(x, path) AS
    CASE json_type(athena_json(x), path) WHEN 'OBJECT' THEN CAST(len(json_keys(athena_json(x), path)) AS BIGINT)
         WHEN 'ARRAY' THEN CAST(json_array_length(athena_json(x), path) AS BIGINT) ELSE CASE WHEN json_type(athena_json(x), path) IS NULL THEN NULL ELSE 0 END END;
CREATE OR REPLACE TEMP MACRO athena_json_array_length(x) AS
    CASE WHEN json_type(athena_json(x)) = 'ARRAY' THEN CAST(json_array_length(athena_json(x)) AS BIGINT) END;
CREATE OR REPLACE TEMP MACRO athena_json_is_scalar(x) AS
    CASE WHEN json_valid(x) THEN json_type(x) NOT IN ('OBJECT', 'ARRAY')
         WHEN x IS NOT NULL THEN athena_fail('INVALID_FUNCTION_ARGUMENT', 'Invalid JSON value: ' || x, true) END;
