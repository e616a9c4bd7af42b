select * from orders where total > 100;
