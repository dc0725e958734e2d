/** Version: the version of Vigil, read from `package.json`, where alone it is written. */
import packageJson from "../../package.json" with { type: "json" }

export const VERSION: string = packageJson.version
