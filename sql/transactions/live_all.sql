-- The view in which stream and batch meet: one row per purchase that is no outlier.
--
-- A purchase that an upload has is as the upload says. Of the others the stream's newest record
-- counts: a purchase comes again when its status changes, and any record may come twice.
CREATE OR REPLACE VIEW transactions.transactions_all AS
WITH

batch AS (
    SELECT purchase_id
    FROM transactions.transactions_clean

    UNION ALL

    SELECT purchase_id
    FROM transactions.transactions_outliers
),

records AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY purchase_id ORDER BY sequence DESC) AS place
    FROM transactions.transactions_live
),

live AS (
    SELECT records.*
    FROM records
    LEFT JOIN batch ON records.purchase_id = batch.purchase_id
    WHERE records.place = 1 AND records.status <> 'OUT' AND batch.purchase_id IS NULL
)

SELECT
    purchase_id,
    purchase_date,
    customer_key,
    product_id,
    amount,
    region,
    status,
    'batch' AS way,
    CAST(NULL AS timestamp) AS arrived_at
FROM transactions.transactions_clean

UNION ALL

SELECT
    purchase_id,
    purchase_date,
    customer_key,
    product_id,
    amount,
    region,
    status,
    'stream' AS way,
    arrived_at
FROM live
