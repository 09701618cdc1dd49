// Loaded before the program under test: writes the peak resident set of its Node process, in kilobytes, when it ends.
const { writeFileSync } = require('node:fs')

process.on('exit', () => { writeFileSync(process.env.PEAK_RSS_FILE, String(process.resourceUsage().maxRSS)) })
