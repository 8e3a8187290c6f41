-- Where the line items are stored of the sessions in the windows read.
create or replace temp table item_places (place bigint);
