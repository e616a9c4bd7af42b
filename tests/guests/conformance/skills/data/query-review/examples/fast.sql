select id, total from orders where day >= '2026-01-01' and total > 100 limit 1000;
