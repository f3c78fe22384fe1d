-- One row per purchased item: its category, and whether it was available, as of the purchase; both may have changed
-- since. An as-of join: a value holds from its time until the next one of the same item and property.
WITH

purchases AS (
    SELECT DISTINCT
        e.transactionid,
        e.visitorid,
        e.itemid,
        e.timestamp AS bought_ms
    FROM retail_events.events AS e
    WHERE e.event = 'transaction'
),

versions AS (
    SELECT
        p.itemid,
        p.property,
        p.value,
        p.timestamp AS valid_from,
        -- Of two values of one time the first holds for no time at all, so a purchase never finds two.
        lead(p.timestamp) OVER (PARTITION BY p.itemid, p.property ORDER BY p.timestamp, p.value) AS valid_until
    FROM retail_events.item_properties AS p
    WHERE p.property IN ('categoryid', 'available')
)

SELECT
    p.transactionid,
    p.visitorid,
    p.itemid,
    from_unixtime(p.bought_ms / 1000) AS bought_at,
    max(CASE WHEN v.property = 'categoryid' THEN try_cast(v.value AS bigint) END) AS categoryid,
    max(CASE WHEN v.property = 'available' THEN v.value END) = '1' AS available
FROM purchases AS p
LEFT JOIN versions AS v
    ON
        p.itemid = v.itemid
        AND p.bought_ms >= v.valid_from
        AND (v.valid_until IS NULL OR p.bought_ms < v.valid_until)
GROUP BY p.transactionid, p.visitorid, p.itemid, p.bought_ms
ORDER BY bought_at, p.transactionid, p.itemid
