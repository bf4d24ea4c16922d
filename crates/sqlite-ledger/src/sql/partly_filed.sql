-- partly_filed: the sales that are not closed and have codes that are filed. A code begins with the
-- number of its sale, in five bytes.

SELECT id
FROM sales
WHERE NOT filed AND EXISTS (
    SELECT 1 FROM codes
    WHERE code >= unhex(format('%010X', id)) AND code < unhex(format('%010X', id + 1))
)
