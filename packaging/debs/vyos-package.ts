/** For VyOS only: no other router has what it depends on. */
export const vyosPackage = 'vyos-nat64'
