-- The view of what only the stream has: one row per purchase that is no outlier and that no upload has.
--
-- The stream's newest record counts: a purchase comes again when its status changes, and any record may come twice.
--
-- params: periods, in which the stream's purchases fall, and their digits (7 of a month, 10 of a day). Only there are
-- the uploads' keys looked through, so a record of another period waits for the next run, which names it.
CREATE OR REPLACE VIEW transactions.transactions_streamed AS
WITH

batch AS (
    SELECT purchase_id
    FROM transactions.transactions_clean
    WHERE period IN ('{{ params.periods | join("', '") }}')

    UNION ALL

    SELECT purchase_id
    FROM transactions.transactions_outliers
    WHERE period IN ('{{ params.periods | join("', '") }}')
),

records AS (
    SELECT
        *,
        substr(CAST(purchase_date AS varchar), 1, {{ params.digits }}) AS period,
        row_number() OVER (PARTITION BY purchase_id ORDER BY sequence DESC) AS place
    FROM transactions.transactions_live
    WHERE substr(CAST(purchase_date AS varchar), 1, {{ params.digits }}) IN ('{{ params.periods | join("', '") }}')
)

SELECT
    records.purchase_id,
    records.purchase_date,
    records.customer_key,
    records.product_id,
    records.amount,
    records.region,
    records.status,
    records.arrived_at,
    records.period
FROM records
LEFT JOIN batch ON records.purchase_id = batch.purchase_id
WHERE records.place = 1 AND records.status <> 'OUT' AND batch.purchase_id IS NULL
