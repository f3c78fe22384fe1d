-- The view in which stream and batch meet: one row per purchase that is no outlier, as the upload says where there is
-- one, else as the stream's newest record.
CREATE OR REPLACE VIEW transactions.transactions_all AS
SELECT
    purchase_id,
    purchase_date,
    customer_key,
    product_id,
    amount,
    region,
    status,
    'batch' AS way,
    CAST(NULL AS timestamp) AS arrived_at,
    period
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
    arrived_at,
    period
FROM transactions.transactions_streamed
