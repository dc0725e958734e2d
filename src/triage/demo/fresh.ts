/** Fresh issues: the new issues of the demo. One says too little and one says two things at once; these wait for the owner. */

export interface FreshIssue {
  title: string
  body: string
  author: string
}

export const FRESH: readonly FreshIssue[] = [
  {
    title: "Checkout crashes when the cart holds a gift card",
    body: "### Steps to reproduce\n1. Put a gift card in the cart\n2. Go to checkout\n\n### Actual behaviour\n```\nTypeError: Cannot read properties of undefined (reading 'weight')\n    at shippingCost (src/shipping.js:88:23)\n    at Checkout.render (src/checkout.js:31:12)\n```\n\n### Expected behaviour\nGift cards need no shipping.",
    author: "marta-k",
  },
  {
    title: "Support Google Pay at checkout",
    body: "Apple Pay is there now, thank you! Please add Google Pay next to it. Many of our customers use Android.",
    author: "tomasz",
  },
  {
    title: "How do I change the sender address of order mails?",
    body: "Our mails come from noreply@localhost. Where can I set the sender, is there a way to do it per shop?",
    author: "shop-am-eck",
  },
  {
    title: "Typo in the installation guide",
    body: "The documentation says `npm instal`, it should be `npm install`.",
    author: "lin-w",
  },
  {
    title: "Search shows deleted products",
    body: "Since the last release products that were deleted are still found by the search and lead to a 404. Expected: they disappear at once.",
    author: "ines",
  },
  {
    title: "Export customers as CSV",
    body: "It would be nice to be able to export all customers as a CSV file, the same as for orders. We need it for our newsletter.",
    author: "beatpeter",
  },
  { title: "Invoices", body: "About the invoices. We talked about this in the chat.", author: "guest-4411" },
  {
    title: "Discount code fails with error 500 when the cart is empty",
    body: "Enter a code while the cart is empty: the page shows error 500 and the log says `Error: no items`. It should say that the cart is empty.",
    author: "ravi",
  },
  {
    title: "Is it possible to sell in two languages?",
    body: "We have customers in Belgium who want French and Dutch. What is the recommended way to set this up?",
    author: "sofie-d",
  },
  {
    title: "Wishlist and the time zone of coupons",
    body: "Could the coupon form show its time zone? I never know when one ends. And a wishlist, perhaps, or is there one that I do not see?",
    author: "pawel-n",
  },
]
