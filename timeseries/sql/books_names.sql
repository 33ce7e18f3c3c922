SELECT number, id FROM node UNION ALL SELECT -number, id FROM organisation
