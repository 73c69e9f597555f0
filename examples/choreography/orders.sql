-- Run at each start of the order service.
create table if not exists orders (
  order_id text primary key,
  customer text not null,
  sku      text not null,
  quantity integer not null,
  state    text not null,
  rank     integer not null, -- of the state: a higher one is newer
  tracking text,
  reason   text
);
