-- One row per category that hangs on the tree: the category at the top, its depth (1 at the top) and the path to it.
-- A category whose parent is in no row of its own is at the top of what hangs below it.
WITH RECURSIVE

tree AS (
    SELECT DISTINCT
        categoryid,
        parentid
    FROM retail_events.category_tree
),

paths (categoryid, top_categoryid, depth, path) AS (
    SELECT
        node.categoryid,
        node.categoryid AS top_categoryid,
        1 AS depth,
        CAST(node.categoryid AS varchar) AS path
    FROM tree AS node
    LEFT JOIN tree AS above ON node.parentid = above.categoryid
    WHERE above.categoryid IS NULL

    UNION ALL

    SELECT
        below.categoryid,
        p.top_categoryid,
        p.depth + 1 AS depth,
        p.path || ' > ' || CAST(below.categoryid AS varchar) AS path
    FROM paths AS p
    INNER JOIN tree AS below ON p.categoryid = below.parentid
    WHERE p.depth < 10  -- Athena's recursion ends there
)

SELECT
    categoryid,
    top_categoryid,
    depth,
    path
FROM paths
ORDER BY path
