-- first_unfiled: a number below which the codes of all sales are filed.

SELECT coalesce(
    (SELECT min(id) FROM sales WHERE NOT filed),
    (SELECT max(id) + 1 FROM sales),
    1
)
