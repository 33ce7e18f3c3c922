function e(e,t){let n=e=>{let t=e==null?``:String(e);return typeof e==`string`&&/^[=+\-@\t]/.test(t)&&(t=`'${t}`),/[",\r\n]/.test(t)?`"${t.replaceAll(`"`,`""`)}"`:t},r=`﻿`+t.map(e=>e.map(n).join(`,`)).join(`\r
`)+`\r
`,i=document.createElement(`a`);i.href=URL.createObjectURL(new Blob([r],{type:`text/csv`})),i.download=e,i.click(),setTimeout(()=>URL.revokeObjectURL(i.href),1e4)}export{e as t};