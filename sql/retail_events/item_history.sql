-- What an item was like at the time of an event: one row per property that it had by then, its value and since when.
-- Execution parameters: the item, and the time in milliseconds as the event has it.
WITH

versions AS (
    SELECT
        p.property,
        p.value,
        p.timestamp AS since,
        row_number() OVER (PARTITION BY p.property ORDER BY p.timestamp DESC, p.value DESC) AS newest_first
    FROM retail_events.item_properties AS p
    WHERE p.itemid = ? AND p.timestamp <= ?
)

SELECT
    property,
    value,
    from_unixtime(since / 1000) AS since
FROM versions
WHERE newest_first = 1
ORDER BY property
