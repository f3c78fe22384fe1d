-- What Redshift does otherwise than DuckDB, under names of our own. error() takes the prefix that errors.py takes off.
CREATE OR REPLACE MACRO localaws.fail(message) AS error('redshift: ' || message);
CREATE OR REPLACE MACRO localaws.now() AS make_timestamp(epoch_us(now()));
CREATE OR REPLACE MACRO localaws.int_div(a, b) AS CASE WHEN b = 0 THEN localaws.fail('Divide by zero') ELSE a // b END;
CREATE OR REPLACE MACRO localaws.float_div(a, b) AS CASE WHEN b = 0 THEN localaws.fail('Divide by zero') ELSE a / b END;
CREATE OR REPLACE MACRO localaws.remainder(a, b) AS CASE WHEN b = 0 THEN localaws.fail('Divide by zero') ELSE a % b END;
-- Quotient of two whole numbers, rounded half away from zero.
CREATE OR REPLACE MACRO localaws.quotient(a, b) AS
    CASE WHEN b = 0 THEN localaws.fail('Divide by zero')
         WHEN (a < 0) = (b < 0) THEN (2 * abs(a) + abs(b)) // (2 * abs(b))
         ELSE -((2 * abs(a) + abs(b)) // (2 * abs(b))) END;
CREATE OR REPLACE MACRO localaws.whole(x) AS
    CASE WHEN x IS NULL THEN NULL WHEN regexp_full_match(trim(x), '[+-]?[0-9]+') THEN CAST(trim(x) AS HUGEINT)
         ELSE localaws.fail('invalid input syntax for integer: "' || x || '"') END;
CREATE OR REPLACE MACRO localaws.number(x) AS
    CASE WHEN x IS NULL THEN NULL
         WHEN regexp_full_match(trim(x), '[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?') THEN trim(x)
         ELSE localaws.fail('invalid input syntax for type numeric: "' || x || '"') END;
CREATE OR REPLACE MACRO localaws.truth(x) AS
    CASE WHEN x IS NULL THEN NULL WHEN lower(trim(x)) IN ('t', 'true', 'y', 'yes', '1') THEN true
         WHEN lower(trim(x)) IN ('f', 'false', 'n', 'no', '0') THEN false
         ELSE localaws.fail('invalid input syntax for type boolean: "' || x || '"') END;
CREATE OR REPLACE MACRO localaws.float_text(x) AS
    CASE WHEN abs(x) >= 1e15 OR (x <> 0 AND abs(x) < 1e-4)
         THEN localaws.fail('the text of so large or small a floating-point number is not supported by the embedded AWS')
         ELSE regexp_replace(CAST(x AS VARCHAR), '\.0$', '') END;
CREATE OR REPLACE MACRO localaws.cut(x, n) AS
    CASE WHEN x IS NULL OR strlen(x) <= n THEN x WHEN strlen(x) = length(x) THEN left(x, n)
         ELSE localaws.fail('cutting text with characters of several bytes is not supported by the embedded AWS') END;
CREATE OR REPLACE MACRO localaws.substring(x, s, n) AS
    CASE WHEN n < 0 THEN localaws.fail('negative substring length not allowed')
         WHEN s >= 1 THEN substring(x, s, n) WHEN s + n <= 1 THEN left(x, 0) ELSE substring(x, 1, s + n - 1) END;
CREATE OR REPLACE MACRO localaws.add_months(d, n) AS
    CASE WHEN CAST(d AS DATE) = last_day(CAST(d AS DATE))
         THEN CAST(last_day(CAST(d AS DATE) + to_months(n)) AS TIMESTAMP) + (d - CAST(CAST(d AS DATE) AS TIMESTAMP))
         ELSE d + to_months(n) END;
