-- Every row is kept under these privacy settings now. Where they take out nothing, rows are what
-- earlier settings left of them, and stay known as that.
update meta.runs set privacy = $privacy
where $privacy <> '';
