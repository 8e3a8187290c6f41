-- Sessions whose personal fields stay empty, whatever the API says.
select id from meta.forgotten;
